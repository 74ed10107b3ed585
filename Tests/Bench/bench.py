#!/usr/bin/env python3
"""Measures swrun beside its peers, on this machine and in the guest, which has ipvlan and cgroup v2.

It prints one table with the medians, the quartiles, the ratio of the medians and its goal, and writes them to
Tests/Bench/benchmarks.json, to the chart beside it and to the README. A peer that does not run says why in its row;
swrun has to run, or the status is 1.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time

import chart
import logs
import many
import networks
import report
import starts
import traffic
from measure import Fault, row
from world import World

BUILT = ".build/bench"
RESULT = ".build/out/bench.json"  # .build/out is shared with the guest
HERE = "Tests/Bench"


def measure_here(options):
    """The rows of this kernel, each group by itself: one that fails does not take the others with it."""
    world = World(options.part == "guest")
    groups = {
        "start": lambda: starts.without_network(world, options.rounds),
        "ipvlan": lambda: starts.with_ipvlan(world, options.rounds),
        "bundle": lambda: starts.bundle(world, options.rounds),
        "exec": lambda: starts.execute(world, options.rounds),
        "attach": lambda: starts.attach(world, options.rounds),
        "many": lambda: many.instances(world, options.rounds, options.instances),
        "networks": lambda: networks.measure(world, options.rounds),
        "memory": lambda: many.memory(world, options.rounds),
        "logs": lambda: logs.measure(world, options.rounds),
        "traffic": lambda: traffic.measure(world, options.rounds),
        "size": lambda: starts.size(world, options.rounds),
    }
    found = []
    try:
        for name, measure in groups.items():
            if options.only and name not in options.only:
                continue
            began = time.monotonic()
            try:
                found += measure()
            except Exception as error:  # the rows of the others are not to be lost; this one's fails the whole
                found.append(row(name, "", error if isinstance(error, Fault) else Fault(repr(error))))
                world.remove_instances()
            print(f"bench: {options.part}: {name}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    finally:
        world.close()
    for each in found:
        each["where"] = options.part
    with open(RESULT, "w") as file:
        json.dump({"kernel": os.uname().release, "rows": found}, file)


def measure_in(part, options):
    """A part in namespaces of its own, so that nothing of it stays."""
    place = ["unshare", "--net", "--mount"] if part == "host" else ["Tests/Harness/guest.sh"]
    environment = os.environ | {"GUEST_TIMEOUT": os.environ.get("GUEST_TIMEOUT", "7200")}
    words = [*place, "python3", "-B", f"{HERE}/bench.py", "--inside", "--part", part]
    words += ["--rounds", str(options.rounds), "--instances", str(options.instances)]
    words += [word for name in options.only or [] for word in ("--only", name)]
    if subprocess.run(words, env=environment).returncode:
        sys.exit(f"bench: the {part} part has failed")
    with open(RESULT) as file:
        return json.load(file)


def build():
    os.makedirs(BUILT, exist_ok=True)
    os.makedirs(os.path.dirname(RESULT), exist_ok=True)
    subprocess.run(["gcc", "-O2", "-Wall", "-o", f"{BUILT}/floor", f"{HERE}/floor.c", "-lmnl"], check=True)


def machine():
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    return f"{os.cpu_count()} CPUs, {model.group(1) if model else 'of an unknown model'}"


def write(result):
    with open(f"{HERE}/benchmarks.json", "w") as file:
        json.dump(result, file, indent=1, ensure_ascii=False)
        file.write("\n")
    with open(f"{HERE}/benchmarks.svg", "w") as file:
        file.write(chart.svg(result["rows"]))
    with open("README.md") as file:
        readme = file.read()
    begin, end = "<!-- the last run of make bench -->\n", "<!-- end of it -->"
    head, _, rest = readme.partition(begin)
    if not rest:
        sys.exit("bench: README.md has no place for the table")
    kernels = " and ".join(f"Linux {kernel} ({part})" for part, kernel in result["kernels"].items())
    told = f"{result['date']}, {kernels}, {result['machine']}, {result['rounds']} rounds; medians, with the quartiles."
    table = report.markdown(result["rows"])
    with open("README.md", "w") as file:
        file.write(f"{head}{begin}{told}\n\n{table}\n{end}{rest.partition(end)[2]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--instances", type=int, default=1000, help="how many are many")
    parser.add_argument("--only", action="append", metavar="GROUP", help="start, exec, ...; nothing is written then")
    parser.add_argument("--part", choices=["host", "guest"], help="one of them; nothing is written then")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return measure_here(options)
    build()
    result = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "rounds": options.rounds,
        "kernels": {},
        "rows": [],
    }
    for part in [options.part] if options.part else ["host", "guest"]:
        found = measure_in(part, options)
        result["kernels"][part] = found["kernel"]
        result["rows"] += found["rows"]
    if not options.part and not options.only:
        write(result)
    print(report.text(result["rows"]))
    if any("why" in each["own"] for each in result["rows"]):
        sys.exit("bench: swrun itself has failed")


if __name__ == "__main__":
    main()
