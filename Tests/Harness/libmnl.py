#!/usr/bin/env python3
"""Usage: libmnl.py SHARED-LIBRARY ARCHIVE

Makes an archive of a shared library, for a program that is linked statically and to a fixed place: Debian has no
libmnl.a. The library's image goes into one section as it is, so that all lies as far apart as its code expects; what
the loader would write into it (its table of addresses) is a constant there, and the linker's to fill in. That works
for a library that has no variables and nothing to do before main(); any other is refused.
"""

import os
import struct
import subprocess
import sys
import tempfile

R_64, R_GLOB_DAT, R_JUMP_SLOT, R_RELATIVE = 1, 6, 7, 8  # R_X86_64_*, elf.h
PT_LOAD, WEAK, FUNCTION, UNDEFINED = 1, 2, 2, 0


def refuse(reason):
    sys.exit(f"libmnl.py: {sys.argv[1]} {reason}")


class Library:
    def __init__(self, data):
        if data[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<HH", data, 16) != (3, 62):
            refuse("is no shared library for x86-64")
        self.data = data
        table, = struct.unpack_from("<Q", data, 40)
        size, count, names = struct.unpack_from("<HHH", data, 58)
        headers = [struct.unpack_from("<IIQQQQIIQQ", data, table + size * index) for index in range(count)]
        text = headers[names][4]
        self.sections = {self.text(text + header[0]): header for header in headers}

    def text(self, offset):
        return self.data[offset : self.data.index(0, offset)].decode()

    def size(self, section):
        return self.sections[section][5] if section in self.sections else 0

    def entries(self, section, form):
        if section not in self.sections:
            return
        offset, size = self.sections[section][4:6]
        yield from struct.iter_unpack(form, self.data[offset : offset + size])

    def image(self):
        table, = struct.unpack_from("<Q", self.data, 32)
        size, count = struct.unpack_from("<HH", self.data, 54)
        image = bytearray()
        for index in range(count):
            kind, _, offset, address, _, in_file, in_memory, _ = struct.unpack_from(
                "<IIQQQQQQ", self.data, table + size * index
            )
            if kind == PT_LOAD:
                image.extend(bytes(address + in_memory - len(image)))
                image[address : address + in_file] = self.data[offset : offset + in_file]
        return image

    def symbols(self):
        """Name, whether it is weak, whether it is a function, section, value."""
        names = self.sections[".dynstr"][4]
        for name, info, _, section, value, _ in self.entries(".dynsym", "<IBBHQQ"):
            yield self.text(names + name), info >> 4 == WEAK, info & 15 == FUNCTION, section, value


def assembly(library, image_path):
    # What the compiler itself has in each: __dso_handle, completed.0, frame_dummy, __do_global_dtors_aux.
    for section in (".data", ".bss", ".init_array", ".fini_array"):
        if library.size(section) > 8:
            refuse(f"has more in {section} than the compiler's own")
    symbols = list(library.symbols())
    words = {}
    for section in (".rela.dyn", ".rela.plt"):
        for address, info, addend in library.entries(section, "<QQq"):
            kind, (name, weak, _, home, value) = info & 0xFFFFFFFF, symbols[info >> 32]
            if kind == R_RELATIVE:
                words[address] = f"image + {addend}"
            elif kind in (R_64, R_GLOB_DAT, R_JUMP_SLOT):
                plus = addend if kind == R_64 else 0
                words[address] = f"{name} + {plus}" if home == UNDEFINED else f"image + {value + plus}"
                if home == UNDEFINED and weak:
                    yield f".weak {name}"
            else:
                refuse(f"has a relocation of type {kind}")
    yield '.section .text.libmnl, "ax", @progbits\n.p2align 12\nimage:'
    end = 0
    for address, word in sorted(words.items()):
        if address > end:
            yield f'.incbin "{image_path}", {end}, {address - end}'
        yield f".quad {word}"
        end = address + 8
    yield f'.incbin "{image_path}", {end}'
    for name, _, is_function, home, value in symbols:
        if home != UNDEFINED and is_function:
            yield f".globl {name}\n.type {name}, @function\n.set {name}, image + {value}"
    yield '.section .note.GNU-stack, "", @progbits'


def main():
    with open(sys.argv[1], "rb") as file:
        library = Library(file.read())
    with tempfile.TemporaryDirectory() as directory:
        image, source, object_ = (f"{directory}/{name}" for name in ("image", "image.s", "libmnl.o"))
        with open(image, "wb") as file:
            file.write(library.image())
        with open(source, "w") as file:
            file.writelines(f"{line}\n" for line in assembly(library, image))
        subprocess.run(["gcc", "-c", "-o", object_, source], check=True)
        if os.path.exists(sys.argv[2]):
            os.remove(sys.argv[2])
        subprocess.run(["ar", "rc", sys.argv[2], object_], check=True)


main()
