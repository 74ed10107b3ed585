"""Timing, rounds and rows: what all measurements share."""

import os
import random
import statistics
import subprocess
import tempfile
import time

OWN = "swrun"


class Fault(Exception):
    """Why something cannot be measured here: one line."""


def _fault(words, status, text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    says = lines[-1][:160] if lines else "and said nothing"
    return Fault(f"{os.path.basename(words[0])} ended with {status}: {says}")


def milliseconds(words):
    """How long a command takes from its start to its end; it must succeed. No shell and no copy of Python is in it."""
    with tempfile.TemporaryFile() as output:
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, output.fileno(), number) for number in (1, 2)]
        start = time.monotonic_ns()
        try:
            pid = os.posix_spawnp(words[0], words, os.environ, file_actions=actions)
        except FileNotFoundError:
            raise Fault(f"{words[0]} is not installed") from None
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        end = time.monotonic_ns()
        if status:
            output.seek(0)
            raise _fault(words, status, output.read().decode(errors="replace"))
    return (end - start) / 1e6


def run(words, text=None):
    """What a command prints; it must succeed."""
    try:
        done = subprocess.run(words, input=text or "", capture_output=True, text=True)
    except FileNotFoundError:
        raise Fault(f"{words[0]} is not installed") from None
    if done.returncode:
        raise _fault(words, done.returncode, done.stderr or done.stdout)
    return done.stdout


def start(words):
    """Starts a command that leaves a process behind, which is not to hold on to a pipe of ours."""
    milliseconds(words)


def wait_for(what, is_there, seconds=60):
    end = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() > end:
            raise Fault(f"{what} did not come within {seconds} s")
        time.sleep(0.1)


def contest(rounds, sides, pause=0.2):
    """Measures the sides in turns, in another order each round, so that drift and what the one before has left to do for
    the kernel hit all alike: `sides` maps names to functions of the round.

    Round 0 loads modules and warms caches: it is not counted, but tells what does not run here. The result maps names
    to lists of values, or to the Fault. The pause lets the kernel end its late clean-up of namespaces."""
    results = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, measure in random.Random(number).sample(list(sides.items()), len(sides)):
            if isinstance(results[name], Fault):
                continue
            try:
                value = measure(number)
            except Fault as fault:
                results[name] = fault
                continue
            if number > 0:
                results[name].append(value)
            time.sleep(pause)
    return results


def side(name, values):
    """One side of a row: the median with the quartiles, or why there are none."""
    if isinstance(values, Fault):
        return {"name": name, "why": str(values)}
    low, middle, high = (
        statistics.quantiles(values, method="inclusive") if len(values) > 1 else [values[0]] * 3
    )
    return {"name": name, "median": middle, "low": low, "high": high, "samples": len(values)}


def row(work, unit, own, peer=None, at_most=None, at_least=None, own_name=OWN):
    """A row of the table. `own` are swrun's values, `peer` is a pair of a name and values; the goal is for the ratio
    of the medians."""
    result = {"work": work, "unit": unit, "own": side(own_name, own)}
    if at_most is not None:
        result["goal"] = {"at": "most", "ratio": at_most}
    if at_least is not None:
        result["goal"] = {"at": "least", "ratio": at_least}
    if peer:
        result["peer"] = side(*peer)
        if "why" not in result["own"] and "why" not in result["peer"]:
            result["ratio"] = result["own"]["median"] / result["peer"]["median"]
            if at_most is not None:
                result["met"] = result["ratio"] <= at_most
            if at_least is not None:
                result["met"] = result["ratio"] >= at_least
    return result


def rows(work, unit, results, **goal):
    """A row for each peer of a contest."""
    return [
        row(work, unit, results[OWN], (name, values), **goal)
        for name, values in results.items()
        if name != OWN
    ]
