"""Where the measurements run: a network namespace that is the host, with the LAN behind its eth0."""

import json
import os
import shutil
import tempfile

from measure import run

HOST = "10.20.0.5"
GATEWAY = "10.20.0.1"
PREFIX = 16


class World:
    """Made inside namespaces that end with the process (on this machine) or with the guest."""

    def __init__(self, is_guest):
        self.is_guest = is_guest
        # The kind of slave that this kernel has.
        self.kind = "ipvlan" if is_guest else "macvlan"
        self.directory = tempfile.mkdtemp(prefix="swbench.", dir="/run")
        run(["mount", "-t", "tmpfs", "tmpfs", self.directory])
        # Where one has it installed: neither on the guest's slow 9p nor on a read-only mount.
        self.swrun = shutil.copy(os.environ.get("SWRUN", ".build/swrun"), f"{self.directory}/swrun")
        os.environ["SWRUN_ROOT"] = f"{self.directory}/run"
        os.environ["SWRUN_STATE_DIR"] = f"{self.directory}/lib"
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        os.makedirs("/run/netns", exist_ok=True)
        for words in (
            "mount -t tmpfs tmpfs /run/netns",
            "ip link set lo up",
            "ip netns add lan",
            "ip link add eth0 type veth peer name eth0 netns lan",
            f"ip addr add {HOST}/{PREFIX} dev eth0",
            "ip link set eth0 up",
            f"ip route add default via {GATEWAY}",
            f"ip -n lan addr add {GATEWAY}/{PREFIX} dev eth0",
            "ip -n lan link set lo up",
            "ip -n lan link set eth0 up",
        ):
            run(words.split())

    def bundle(self, name, *args):
        """A bundle as `runc spec` makes it, of the host's file system; the same for swrun, crun and runc."""
        directory = f"{self.directory}/{name}"
        os.makedirs(f"{directory}/rootfs")
        run(["mount", "--bind", "/", f"{directory}/rootfs"])  # crun does not take / itself
        run(["runc", "spec", "--bundle", directory])
        with open(f"{directory}/config.json") as file:
            spec = json.load(file)
        spec["process"].update(args=list(args), terminal=False)
        with open(f"{directory}/config.json", "w") as file:
            json.dump(spec, file)
        return directory

    def remove_instances(self):
        ids = run([self.swrun, "ps", "-aq"]).split()
        for first in range(0, len(ids), 50):
            run([self.swrun, "rm", "-f", *ids[first : first + 50]])

    def close(self):
        self.remove_instances()
        run(["umount", "-l", self.directory])
        os.rmdir(self.directory)
