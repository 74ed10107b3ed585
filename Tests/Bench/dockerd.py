"""`docker run` on an ipvlan network, by a daemon of the benchmark's own; only in the guest, which has ipvlan."""

import contextlib
import os
import shutil
import subprocess

from measure import Fault, milliseconds, run, wait_for
from world import GATEWAY

CONFIG = """version = 2
root = "{0}/containerd/root"
state = "{0}/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{0}/containerd.sock"
"""


@contextlib.contextmanager
def daemon(world):
    """A function of the round that measures `docker run`; it raises why, where Docker does not run."""
    directory = f"{world.directory}/docker"
    os.makedirs(directory)
    running = []
    try:
        _start(directory, running)
    except Fault as fault:
        why = fault

        def measure(number):
            raise why

    else:

        def measure(number):
            words = ["docker", "run", "--rm", "--network", "bench", "--ip", f"10.20.3.{number + 1}"]
            return milliseconds([*words, "bench", "/bin/true"])

    try:
        yield measure
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait()


def _start(directory, running):
    os.mkdir(f"{directory}/bin")
    # Read through the guest's 9p, containerd alone would take minutes to come up.
    programs = ("containerd", "containerd-shim-runc-v2", "dockerd", "docker", "docker-init", "runc")
    for name in programs:
        path = shutil.which(name)
        if not path:
            raise Fault(f"{name} is not installed")
        shutil.copy(path, f"{directory}/bin")
    os.environ["PATH"] = f"{directory}/bin:{os.environ['PATH']}"
    os.environ["DOCKER_HOST"] = f"unix://{directory}/docker.sock"
    with open(f"{directory}/config.toml", "w") as file:
        file.write(CONFIG.format(directory))

    def spawn(words, socket):
        log = open(f"{directory}/{words[0]}.log", "w")
        process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        running.append(process)

        def is_there():
            if process.poll() is not None:
                raise Fault(f"{words[0]} ended: {open(log.name).read().strip().splitlines()[-1]}")
            return os.path.exists(f"{directory}/{socket}")

        wait_for(words[0], is_there, seconds=300)

    spawn(["containerd", "--config", f"{directory}/config.toml"], "containerd.sock")
    spawn(
        ["dockerd", "--containerd", f"{directory}/containerd.sock", "--host", os.environ["DOCKER_HOST"]]
        + ["--data-root", f"{directory}/data", "--exec-root", f"{directory}/exec"]
        + ["--pidfile", f"{directory}/pid", "--storage-driver", "vfs", "--bridge", "none"]
        + ["--iptables=false", "--ip6tables=false", "--ip-masq=false"],
        "docker.sock",
    )
    image = f"{directory}/image/bin"
    os.makedirs(image)
    shutil.copy("/bin/busybox", f"{image}/true")
    run(["sh", "-c", f"tar -C {directory}/image -c . | docker import - bench"])
    run(
        ["docker", "network", "create", "-d", "ipvlan", "--subnet", "10.20.0.0/16", "--gateway", GATEWAY]
        + ["-o", "parent=eth0", "-o", "ipvlan_mode=l2", "bench"]
    )
