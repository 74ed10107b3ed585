#!/bin/sh
# Usage: libm.sh ARCHIVE
#
# Puts the functions of mathematics that both musl and glibc have into an archive, musl's, with what they call.
set -eu

names=$(mktemp -d)
trap 'rm -rf "$names"' EXIT
libc=/usr/lib/$(uname -m)-linux-musl/libc.a

nm -D --defined-only "$(gcc -print-file-name=libm.so.6)" | sed 's/.* //; s/@.*//' | sort -u >"$names/glibc"
nm --defined-only "$libc" 2>/dev/null | awk '$2 ~ /[TW]/ { print $3 }' | sort -u >"$names/musl"
comm -12 "$names/glibc" "$names/musl" | sed 's/^/-u /' >"$names/both"
ld -r -o "$names/math.o" @"$names/both" "$libc"
# Whatever it needed of musl's libc would take the place of glibc's.
foreign=$(nm -u "$names/math.o" | grep -v -e _GLOBAL_OFFSET_TABLE_ -e ' __mul[dsx]c3$' || true)
[ -z "$foreign" ] || { echo "libm.sh: musl's functions need more than themselves: $foreign" >&2; exit 1; }
ar rcs "$1" "$names/math.o"
