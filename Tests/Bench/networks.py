"""What many networks and leases cost: listing them, and an instance that takes a free address."""

import ipaddress
import json
import os

from measure import OWN, contest, milliseconds, rows

FEW = "ten of each"


def _define(directory, networks, leases, prefix):
    """Definitions as `network create` writes them, and leases that are shared out evenly. All are one living
    instance's: what instances themselves cost is not measured here."""
    boot = open("/proc/sys/kernel/random/boot_id").read().strip()
    holder = f"{directory}/run/instances/holder"
    os.makedirs(holder)
    os.makedirs(f"{directory}/lib/networks")
    for index in range(networks):
        subnet = ipaddress.ip_network((0x0B000000 + index * 2 ** (32 - prefix), prefix))
        request = dict(version=1, name=f"net{index:04}", driver="macvlan", subnets=[str(subnet)], gateways=[],
                       ranges=[], auxiliary=[], options=["parent=eth0"], labels=[], isInternal=False,
                       created="")
        with open(f"{directory}/lib/networks/net{index:04}.json", "w") as file:
            json.dump(request, file)
        taken = f"{directory}/lib/leases/net{index:04}/{boot}"
        os.makedirs(taken)
        for lease in range(leases // networks):
            os.symlink(holder, f"{taken}/{subnet[lease + 2]}")


def measure(world, rounds):
    if world.is_guest:
        return []
    states = {
        OWN: (1000, 10000, 24),
        FEW: (10, 10, 24),
        "dense": (1, 10000, 16),
    }
    for name, sizes in states.items():
        _define(f"{world.directory}/{name.split()[0]}-networks", *sizes)

    def side(name, *words):
        directory = f"{world.directory}/{name.split()[0]}-networks"
        places = ["--root", f"{directory}/run", "--state-dir", f"{directory}/lib"]

        def measure(number):
            return milliseconds([world.swrun, *words[: words.index("+")], *places, *words[words.index("+") + 1 :]])

        return measure

    what = "1,000 networks, 10,000 leases"
    listing = contest(rounds, {name: side(name, "network", "ls", "+") for name in (OWN, FEW)}, pause=0)
    join = {name: side(name, "run", "+", "--rm", "--net", "net0000", "--", "true") for name in states}
    starts = contest(rounds, join)
    dense = {OWN: starts.pop("dense"), FEW: starts[FEW]}
    return (
        rows(f"network ls, {what}", "ms", listing, at_most=2.0)
        + rows(f"free address, {what}", "ms", starts, at_most=2.0)
        + rows("free address, 10,000 leases on one network", "ms", dense, at_most=2.0)
    )
