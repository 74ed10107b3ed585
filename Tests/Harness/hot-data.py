#!/usr/bin/env python3
"""hot-data.py EXECUTABLE: writes to hot-data which zero-initialised symbols a start uses.

The linker puts these side by side (see RELEASE in the Makefile): most are single words that Swift's runtime
fills in, among ten times as many that are never used, and each page with one of them is memory of a monitor's
own. EXECUTABLE is what was linked, with its symbols. A list that is out of date does no harm but to memory.
"""
import json, os, subprocess, sys, tempfile, time

executable = os.path.abspath(sys.argv[1])


def symbols():
    for line in subprocess.check_output(["nm", "-S", "-n", executable], text=True).splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in "bB" and int(words[0], 16) > 4096:  # not those of threads
            yield int(words[0], 16), int(words[1], 16), words[3]


def used(pid):
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for address, size, name in symbols():
            memory.seek(address)
            if any(memory.read(size)):
                yield name, size


with tempfile.TemporaryDirectory() as directory:
    os.environ.update(SWRUN_ROOT=f"{directory}/run", SWRUN_STATE_DIR=f"{directory}/lib")
    kinds = {"plain": [], "kept": ["--restart", "always", "--health-cmd", "true", "--health-interval", "1s"]}
    found = {}
    try:
        for name, words in kinds.items():
            subprocess.run([executable, "-d", "--name", name, *words, "--", "sleep", "100"], check=True)
        time.sleep(2)  # the monitors are at rest
        states = json.loads(subprocess.check_output([executable, "inspect", *kinds]))
        for state in states:
            found.update(used(state["monitor"]["pid"]))
    finally:
        subprocess.run([executable, "rm", "-f", *kinds])

# What is large comes last: a page of it is used in part.
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "hot-data"), "w") as file:
    for name in sorted(found, key=lambda name: (found[name], name)):
        file.write(f"{name}\n")
print(f"{len(found)} symbols, {sum(found.values())} bytes")
