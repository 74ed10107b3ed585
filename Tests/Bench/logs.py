"""How fast a workload's lines get into its log: in CRI's format, which is conmon's, and in Docker's json-file."""

import glob
import os
import shlex
import shutil

from many import conmon
from measure import OWN, Fault, contest, milliseconds, row, run

LINES = 500_000  # of 100 bytes
FORMATS = {"CRI's format": "plain", "json-file": "json-file"}


def measure(world, rounds):
    """From the start of a workload that copies a file, which is in the page cache, to the end of who logs it."""
    if world.is_guest:
        return []
    data = f"{world.directory}/data"
    os.makedirs(data)
    text = 'lines as services print them, with "quotes", and some more words to fill a hundred bytes'
    with open(f"{data}/lines", "w") as file:
        file.writelines(f"{number:010} {text[:88]:88}\n" for number in range(LINES))

    def rate(words, logs):
        took = milliseconds(words)
        # conmon breaks a line where a reading of its ends, and marks the parts with P.
        count = run(["sh", "-c", f"cat {logs} | grep -vc ' stdout P '"])
        if int(count) != LINES:
            raise Fault(f"{int(count)} lines of {LINES} are in the log")
        for path in glob.glob(logs):
            os.remove(path)
        run(["sync", "-f", world.directory])
        return LINES / 1e4 / took * 1e3

    def own(driver):
        words = [world.swrun, "-d", "--log-driver", driver, "--no-init", "--net", "none"]
        words += ["-v", f"{data}:/mnt:ro", "--", "cat", "/mnt/lines"]
        script = f"id=$({shlex.join(words)}) && exec {world.swrun} wait $id"

        def measure(number):
            value = rate(["sh", "-c", script], f"{world.directory}/lib/logs/*/log.*")
            world.remove_instances()
            return value

        return measure

    def peer(number):
        directory = f"{world.directory}/conmon-log"
        # Its own exit status is 1, since the runtime never says that it has started.
        words = conmon(directory, f"cat {data}/lines", "--sync", "--no-sync-log")
        try:
            return rate(["sh", "-c", f"{shlex.join(words)}; [ -e {directory}/bench ]"], f"{directory}/log")
        finally:
            shutil.rmtree(directory)

    results = contest(rounds, {what: own(driver) for what, driver in FORMATS.items()} | {"conmon": peer})
    return [
        row(f"log of 50 MB, {what}", "MB/s", results[what], ("conmon", results["conmon"]), at_least=1.0)
        for what in FORMATS
    ]
