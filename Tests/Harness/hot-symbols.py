#!/usr/bin/env python3
"""hot-symbols.py EXECUTABLE MAP: writes to hot-symbols which functions and variables a start uses.

The linker puts these side by side (see RELEASE in the Makefile). Each 64 KB of the program in which anything is
executed is a page fault of each process, and a start uses some 3 % of all functions. Most of the variables are single
words that Swift's runtime fills in, and each page with one of them is memory of a monitor's own. EXECUTABLE is what
was linked, with its symbols, and MAP what the linker wrote of it; network and mount namespaces of its own are needed,
which end with it. A list that is out of date does no harm but to time and memory.
"""
import bisect, ctypes, json, os, re, signal, struct, subprocess, sys, tempfile, time

executable = os.path.abspath(sys.argv[1])


def symbols(kinds):
    """Address, size and name."""
    for line in subprocess.check_output(["nm", "-S", "-n", executable], text=True).splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in kinds and int(words[0], 16) > 4096:  # not those of threads
            yield int(words[0], 16), int(words[1], 16), words[3]


def sections():
    """Begin and size of all sections of code, as they came to the linker."""
    begin = re.compile(r" *([0-9a-f]+) +[0-9a-f]+ +([0-9a-f]+) +[0-9]+ .*:\(\.text")
    with open(sys.argv[2]) as file:
        for line in file:
            if found := begin.match(line):
                yield int(found[1], 16), int(found[2], 16)


class Breakpoints:
    """Which functions processes enter: one breakpoint at the begin of each, which goes when it is met."""

    # ptrace(2), and where a process's instruction pointer is among what it can tell (x86-64).
    TRACE_ME, PEEK_USER, POKE_USER, CONTINUE, DETACH, SET_OPTIONS = 0, 3, 6, 7, 17, 0x4200
    FORK, VFORK, CLONE, EXEC, EXIT_KILL = 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 20
    POINTER = 16 * 8
    INT3 = 0xCC

    def __init__(self):
        self.functions = {address: (name, size) for address, size, name in symbols("tTwW")}
        self.first, self.end = min(self.functions), max(self.functions) + 1
        self.entered = {}
        library = ctypes.CDLL(None, use_errno=True)
        self.call = library.ptrace
        self.call.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.call.restype = ctypes.c_long

    def run(self, program, *words):
        """Runs a command to its end, with the processes that it leaves behind."""
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open("/dev/null", os.O_RDWR), 1)
            self.call(self.TRACE_ME, 0, None, None)
            os.execv(program, [program, *words])
        os.waitpid(pid, 0)
        self.call(self.SET_OPTIONS, pid, None, self.FORK | self.VFORK | self.CLONE | self.EXEC | self.EXIT_KILL)
        with open(f"/proc/{pid}/mem", "r+b", 0) as memory:
            memory.seek(self.first)
            text = memory.read(self.end - self.first)
            patched = bytearray(text)
            for address in self.functions:
                patched[address - self.first] = self.INT3
            memory.seek(self.first)
            memory.write(patched)
        self.call(self.CONTINUE, pid, None, None)
        while True:
            try:
                stopped, status = os.waitpid(-1, 0x40000000)  # __WALL
            except ChildProcessError:
                return
            if not os.WIFSTOPPED(status):
                if stopped == pid and status:
                    sys.exit(f"hot-symbols: {' '.join(words)} ended with {status}")
                continue
            sent, event = os.WSTOPSIG(status), status >> 16
            if event == 4:  # PTRACE_EVENT_EXEC: it is no swrun any more
                self.call(self.DETACH, stopped, None, None)
                continue
            if event or sent == signal.SIGSTOP:
                sent = 0
            elif sent == signal.SIGTRAP:
                sent = self.enter(stopped, text)
            self.call(self.CONTINUE, stopped, None, sent)

    def enter(self, pid, text):
        address = self.call(self.PEEK_USER, pid, self.POINTER, None) - 1
        if address not in self.functions:
            return signal.SIGTRAP
        with open(f"/proc/{pid}/mem", "r+b", 0) as memory:
            memory.seek(address)
            memory.write(text[address - self.first :][:1])
        self.call(self.POKE_USER, pid, self.POINTER, address)
        self.entered.setdefault(address)
        return 0


def functions(directory):
    """Those of what is to be quick, in the order in which they are entered."""
    # From a read-only mount it is not mapped anew (Executable.seal), with which the breakpoints would go.
    place = f"{directory}/program"
    os.makedirs(place)
    program = f"{place}/swrun"
    for words in (
        ["cp", executable, place],
        ["mount", "--bind", place, place],
        ["mount", "-o", "remount,bind,ro", place],
        ["ip", "link", "set", "lo", "up"],
        ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1"],
        ["ip", "addr", "add", "10.20.20.1/24", "dev", "eth0"],
        ["ip", "link", "set", "eth0", "up"],
        ["ip", "link", "set", "eth1", "up"],
        ["runc", "spec", "--bundle", directory],
    ):
        subprocess.run(words, check=True)
    with open(f"{directory}/config.json") as file:
        spec = json.load(file)
    spec["process"].update(args=["true"], terminal=False)
    spec["root"]["path"] = "/"
    with open(f"{directory}/config.json", "w") as file:
        json.dump(spec, file)
    breakpoints = Breakpoints()
    breakpoints.run(program, "--net", "none", "--", "true")
    breakpoints.run(program, "--net", "macvlan:eth0", "--ip", "10.20.20.2", "--", "true")
    breakpoints.run(program, "--net", "none", "--bundle", directory)
    breakpoints.run(program, "-d", "--net", "none", "--", "true")
    subprocess.run([program, "-d", "--name", "one", "--", "sleep", "100"], check=True)
    breakpoints.run(program, "exec", "one", "true")
    breakpoints.run(program, "ps")
    subprocess.run([program, "rm", "-f", "one"], check=True)
    # Where many functions share a section, one brings all with it.
    known = sorted(sections())
    own = []
    for address in breakpoints.entered:
        name, size = breakpoints.functions[address]
        if known[bisect.bisect(known, (address, sys.maxsize)) - 1][1] <= 2 * size + 256:
            own.append(name)
    return own


def initial():
    """What the executable has in memory to begin with, by its address."""
    with open(executable, "rb") as file:
        program = file.read()
    # Elf64_Ehdr and Elf64_Phdr, elf(5); 1 is PT_LOAD.
    headers, = struct.unpack_from("<Q", program, 32)
    width, count = struct.unpack_from("<HH", program, 54)
    found = {}
    for at in range(headers, headers + width * count, width):
        kind, _, offset, address, _, filled, size, _ = struct.unpack_from("<IIQQQQQQ", program, at)
        if kind == 1:
            found[address] = program[offset : offset + filled].ljust(size, b"\0")
    return found


def used(pid):
    """The variables that are not as they were to begin with, with their sizes."""
    segments = initial()
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for address, size, name in symbols("bBdD"):
            start = max(first for first in segments if first <= address)
            memory.seek(address)
            if memory.read(size) != segments[start][address - start :][:size]:
                yield name, size


def variables():
    """Those of monitors at rest. What is large comes last: a page of it is used in part."""
    kinds = {"plain": [], "kept": ["--restart", "always", "--health-cmd", "true", "--health-interval", "1s"]}
    found = {}
    try:
        for name, words in kinds.items():
            subprocess.run([executable, "-d", "--name", name, *words, "--", "sleep", "100"], check=True)
        time.sleep(2)
        states = json.loads(subprocess.check_output([executable, "inspect", *kinds]))
        for state in states:
            found.update(used(state["monitor"]["pid"]))
    finally:
        subprocess.run([executable, "rm", "-f", *kinds])
    return sorted(found, key=lambda name: (found[name], name))


with tempfile.TemporaryDirectory() as directory:
    os.environ.update(SWRUN_ROOT=f"{directory}/run", SWRUN_STATE_DIR=f"{directory}/lib")
    found = {"functions": functions(directory), "variables": variables()}
    subprocess.run(["umount", "-l", f"{directory}/program"], check=True)

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "hot-symbols"), "w") as file:
    for names in found.values():
        file.writelines(f"{name}\n" for name in names)
print(", ".join(f"{len(names)} {kind}" for kind, names in found.items()))
