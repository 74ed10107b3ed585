"""What many instances cost: the thousandth beside the first, their listing, and the memory of their monitors."""

import json
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from measure import OWN, Fault, contest, milliseconds, row, rows, run, start, wait_for


def _address(number):
    return f"10.20.{100 + number // 250}.{number % 250 + 1}"


def _fill(world, count):
    """Starts instances that stay, as many at a time as there are CPUs, since under emulation a start takes long."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        words = [world.swrun, "-d", "--net", f"{world.kind}:eth0"]
        for begun in [
            pool.submit(start, [*words, "--ip", _address(number), "--", "sleep", "1000000"]) for number in range(count)
        ]:
            begun.result()


def instances(world, rounds, count):
    """All are on one parent, and at rest when one more is started. The starts without others are measured before and
    after, so that drift hits both alike."""
    kinds = {"no network": ["none"], world.kind: [f"{world.kind}:eth0", "--ip", "10.20.0.9"]}
    sides = {
        name: lambda _, words=words: milliseconds([world.swrun, "--net", *words, "--", "true"])
        for name, words in kinds.items()
    }
    first = contest((rounds + 1) // 2, sides)
    _fill(world, count - 1)
    # A second after each other the neighbours are told three times, and ten seconds later a monitor gives back memory.
    time.sleep(15)
    last = contest(rounds, sides)
    run(["ip", "-batch", "-"], "".join(f"netns add many{number}\n" for number in range(count)))
    listing = contest(
        rounds,
        {
            OWN: lambda _: milliseconds([world.swrun, "ps"]),
            "ip netns list": lambda _: milliseconds(["ip", "netns", "list"]),
            "ip netns list and ps": lambda _: milliseconds(["ip", "netns", "list"]) + milliseconds(["ps", "-e"]),
        },
        pause=0,
    )
    run(["ip", "-batch", "-"], "".join(f"netns del many{number}\n" for number in range(count)))
    world.remove_instances()
    again = contest((rounds + 1) // 2, sides)

    def joined(name):
        broken = [part[name] for part in (first, again) if isinstance(part[name], Fault)]
        return broken[0] if broken else first[name] + again[name]

    return [
        row(f"start of instance {count:,} ({name})", "ms", last[name], ("the first", joined(name)), at_most=1.2)
        for name in kinds
    ] + rows(f"ps with {count:,} instances", "ms", listing, at_most=2.0)


def _proportional(pid):
    """A process's own memory and its part of what it shares, in KiB."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"^Pss: +(\d+)", file.read(), re.MULTILINE).group(1))


# conmon asks a runtime to make the container; this one does only what conmon needs of one.
RUNTIME = """#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in
  --pid-file) file=$2; shift ;;
  --pid-file=*) file=${1#*=} ;;
  esac
  shift
done
[ -n "$file" ] || exit 0
"""


def conmon(directory, workload, *more):
    """The words that run `workload` (a line of shell) under conmon, with its files in `directory`."""
    os.makedirs(f"{directory}/bundle", exist_ok=True)
    with open(f"{directory}/runtime", "w") as file:
        file.write(f'{RUNTIME}{workload} &\necho $! >"$file"\n')
    os.chmod(f"{directory}/runtime", 0o755)
    return ["conmon", "-c", "bench", "-u", "bench", "-r", f"{directory}/runtime", "-b", f"{directory}/bundle"] + [
        "-p", f"{directory}/pid", "-l", f"k8s-file:{directory}/log", "--exit-dir", directory,
        "--socket-dir-path", directory, "--log-level", "error", *more,
    ]


def memory(world, rounds, count=50):
    """With so many alive at a time, since they share a part of it."""
    for number in range(count):
        start([world.swrun, "-d", "--net", "none", "--", "sleep", "1000000"])
    ids = run([world.swrun, "ps", "-q"]).split()
    states = json.loads(run([world.swrun, "inspect", *ids]))
    monitors = [_proportional(state["monitor"]["pid"]) for state in states]
    inits = [_proportional(state["process"]["pid"]) for state in states]
    world.remove_instances()

    def written(path):
        def text():
            return open(path).read() if os.path.exists(path) else ""

        wait_for(path, text)
        return int(text())

    theirs = []
    workloads = []
    try:
        for number in range(count):
            directory = f"{world.directory}/conmon{number}"
            start(conmon(directory, "sleep 1000000", "--conmon-pidfile", f"{directory}/conmon.pid"))
            workloads.append(written(f"{directory}/pid"))
        theirs = [
            _proportional(written(f"{world.directory}/conmon{number}/conmon.pid")) for number in range(count)
        ]
    except Fault as fault:
        theirs = fault
    for pid in workloads:
        os.kill(pid, signal.SIGKILL)
    return [
        row("memory of a monitor (PSS)", "KiB", monitors, ("conmon", theirs), at_most=0.7),
        row("memory of an instance's init (PSS)", "KiB", inits),
    ]
