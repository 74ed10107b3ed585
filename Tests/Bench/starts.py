"""Start to exit of a process, of a bundle, and of a process in an instance that runs."""

import contextlib
import os

import dockerd
from measure import OWN, Fault, contest, milliseconds, row, rows, run, start
from world import GATEWAY, PREFIX

BY_HAND = """set -e
ip netns add byhand
ip link add slave0 link eth0 type ipvlan mode l2
ip link set slave0 netns byhand
ip -n byhand link set lo up
ip -n byhand addr add "$1" dev slave0
ip -n byhand link set slave0 up
ip -n byhand route add default via "$2"
ip netns exec byhand true
ip netns del byhand
"""


def timed(*words):
    return lambda number: milliseconds([word.format(number) for word in words])


def without_network(world, rounds):
    results = contest(
        rounds,
        {
            OWN: timed(world.swrun, "--net", "none", "--", "true"),
            "bubblewrap": timed("bwrap", "--unshare-all", "--dev-bind", "/", "/", "true"),
        },
    )
    return rows("start without a network", "ms", results, at_most=1.0)


def with_ipvlan(world, rounds):
    """The kernel removes a dead namespace's slave some time later, and its address is busy until then: all but swrun,
    which takes the address away before it ends, get a new one each round."""
    if not world.is_guest:
        return []
    floor = f"{world.directory}/floor"
    run(["cp", ".build/bench/floor", floor])
    nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--network-ipvlan=eth0", "--read-only"]
    nspawn += ["--as-pid2", f"--directory={world.bundle('nspawn', 'true')}/rootfs", "true"]  # / itself it does not take
    with dockerd.daemon(world) as docker_run:
        results = contest(
            rounds,
            {
                OWN: timed(world.swrun, "--net", "ipvlan:eth0:l2", "--ip", "10.20.0.2", "--", "true"),
                "C floor": timed(floor, "eth0", f"10.20.1.{{}}/{PREFIX}", GATEWAY, "true"),
                "by hand with ip": timed("sh", "-c", BY_HAND, "sh", f"10.20.2.{{}}/{PREFIX}", GATEWAY),
                "docker run": docker_run,
                "systemd-nspawn": timed(*nspawn),
            },
            pause=0.5,
        )
    goals = {"C floor": 1.3, "by hand with ip": 0.15, "docker run": 0.03, "systemd-nspawn": None}
    return [
        row("start with an ipvlan slave", "ms", results[OWN], (name, results[name]), at_most=goal)
        for name, goal in goals.items()
    ]


def bundle(world, rounds):
    directory = world.bundle("true", "true")
    results = contest(
        rounds,
        {
            OWN: timed(world.swrun, "--rm", "--no-init", "--bundle", directory),
            "crun": timed("crun", "run", "--bundle", directory, "bench{}"),
            "runc": timed("runc", "run", "--bundle", directory, "bench{}"),
        },
    )
    return rows("bundle, start to exit", "ms", results, at_most=0.7)


def execute(world, rounds):
    directory = world.bundle("sleep", "sleep", "100000")
    peers = ("crun", "runc")
    start([world.swrun, "-d", "--name", "sleeper", "--bundle", directory])
    broken = {}
    for peer in peers:
        try:
            start([peer, "run", "-d", "--bundle", directory, "sleeper"])
        except Fault as fault:
            broken[peer] = fault

    def side(peer):
        def measure(number):
            if peer in broken:
                raise broken[peer]
            return milliseconds([peer, "exec", "sleeper", "true"])

        return measure

    try:
        own = timed(world.swrun, "exec", "sleeper", "true")
        results = contest(rounds, {OWN: own} | {peer: side(peer) for peer in peers})
    finally:
        for peer in peers:
            with contextlib.suppress(Fault):
                run([peer, "delete", "-f", "sleeper"])
        world.remove_instances()
    return rows("exec in an instance", "ms", results, at_most=0.7)


def attach(world, rounds):
    """Without a process: only the netlink work, in turns in one program. swrun also keeps the interface from a
    link-local address and from router advertisements, which is in its time and not in the other's."""
    run(["ip", "netns", "add", "attach"])
    program = [".build/bench/attach", world.kind, "eth0", "/run/netns/attach", str(rounds * 10)]
    pairs = [line.split() for line in run(program).splitlines()]
    run(["ip", "netns", "del", "attach"])
    least, own = ([int(pair[index]) / 1000 for pair in pairs] for index in (0, 1))
    return [row(f"attach of a slave ({world.kind})", "us", own, ("least C", least), at_most=1.3)]


def size(world, rounds):
    """The stripped program with all shared libraries that it loads, in MB."""

    def total(program):
        path = os.path.realpath(program)
        lines = run(["ldd", path]).splitlines()
        libraries = {word for line in lines for word in line.split() if word.startswith("/")}
        return sum(os.stat(name).st_size for name in libraries | {path}) / 1e6

    if world.is_guest:
        return []
    # swrun loads none.
    own = [os.stat(world.swrun).st_size / 1e6]
    return [row("program with its libraries", "MB", own, ("crun", [total(run(["which", "crun"]).strip())]))]
