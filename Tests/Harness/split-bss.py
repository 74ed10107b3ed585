#!/usr/bin/env python3
"""split-bss.py ARCHIVE MEMBER COPY: copies a static library, with a section for each zero-initialised variable of a member.

The linker can put side by side what has sections of its own (see hot-symbols.py). Swift's standard library has a single
one for all its variables, and the 40 of them that a start uses lie on a dozen pages. A variable stays where it cannot be
told from the use of the section's symbol which one is meant.
"""
import os, shutil, struct, subprocess, sys, tempfile

archive, member, copy = sys.argv[1:]

# elf(5): Elf64_Ehdr's e_shoff, e_shnum and e_shstrndx, Elf64_Shdr, Elf64_Sym, Elf64_Rela.
SECTION, SYMBOL, RELOCATION = struct.Struct("<IIQQQQIIQQ"), struct.Struct("<IBBHQQ"), struct.Struct("<QQq")
SYMTAB, RELA, NOBITS, EXECUTABLE, FIRST_RESERVED = 2, 4, 8, 4, 0xFF00
OBJECT, SECTION_SYMBOL, RELATIVE = 1, 3, 2


def split(program):
    program = bytearray(program)
    headers, = struct.unpack_from("<Q", program, 40)
    count, names = struct.unpack_from("<HH", program, 60)
    sections = [SECTION.unpack_from(program, headers + i * SECTION.size) for i in range(count)]

    def entries(section, form):
        return range(section[4], section[4] + section[5], form.size)

    def name(section):
        start = sections[names][4] + section[0]
        return bytes(program[start : program.index(0, start)])

    bss, = (i for i, section in enumerate(sections) if name(section) == b".bss" and section[1] == NOBITS)
    table, = (section for section in sections if section[1] == SYMTAB)
    variables, begin, taken = {}, None, set()
    for index, at in enumerate(entries(table, SYMBOL)):
        _, kind, _, section, address, size = SYMBOL.unpack_from(program, at)
        if section == bss and kind & 15 == SECTION_SYMBOL:
            begin = index
        elif section == bss:
            # Two names for one, or one without a size, stay.
            if address in variables or kind & 15 != OBJECT or not size:
                taken.add(address)
            variables[address] = (index, at, size)

    starts = sorted(variables)
    for here, following in zip(starts, starts[1:]):
        if here + variables[here][2] > following:
            taken |= {here, following}

    uses = []
    for section in sections:
        if section[1] != RELA:
            continue
        target = sections[section[7]]
        for at in entries(section, RELOCATION):
            place, info, addend = RELOCATION.unpack_from(program, at)
            if info >> 32 != begin:
                continue
            # Relative to the end of the instruction: that of lea and mov, with REX.W, is the distance's.
            isCode = target[2] & EXECUTABLE
            prefix, operation = program[target[4] + place - 3 : target[4] + place - 1]
            isPlain = prefix & 0xF8 == 0x48 and operation in (0x8D, 0x8B, 0x89)
            address = addend + 4 if isCode else addend
            if info & 0xFFFFFFFF == RELATIVE and address in variables and (isPlain or not isCode):
                uses.append((at, address))
            else:
                # Of others up to 4 bytes more may follow.
                taken |= {a for a in starts if address < a + variables[a][2] and a <= address + 4}

    new = []
    for address, (_, at, size) in variables.items():
        if address in taken or count + len(new) >= FIRST_RESERVED:
            continue
        alignment = min(sections[bss][8], address & -address or sections[bss][8])
        struct.pack_into("<HQ", program, at + 6, count + len(new), 0)
        new.append(SECTION.pack(*sections[bss][:3], 0, sections[bss][4], size, 0, 0, alignment, 0))
    for at, address in uses:
        if address not in taken:
            place, _, addend = RELOCATION.unpack_from(program, at)
            RELOCATION.pack_into(
                program, at, place, variables[address][0] << 32 | RELATIVE, addend - address)

    program += bytes(-len(program) % 8)
    struct.pack_into("<Q", program, 40, len(program))
    struct.pack_into("<H", program, 60, count + len(new))
    program += b"".join(SECTION.pack(*section) for section in sections) + b"".join(new)
    print(f"{member}: {len(new)} of {len(variables)} variables have a section of their own")
    return program


with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, member)
    with open(path, "wb") as file:
        file.write(split(subprocess.check_output(["ar", "p", archive, member])))
    shutil.copyfile(archive, os.path.join(directory, "copy"))
    subprocess.run(["ar", "r", os.path.join(directory, "copy"), path], check=True)
    shutil.move(os.path.join(directory, "copy"), copy)
