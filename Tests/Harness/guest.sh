#!/bin/sh
# guest.sh COMMAND...: runs a command on a stock Debian kernel that has ipvlan, in QEMU over the same
# file system, and passes on its output and exit status. The kernel is unpacked once into
# .build/guest. GUEST_TIMEOUT is in seconds.
set -eu
cd "$(dirname "$0")/../.."
top=$PWD
store=$top/.build/guest
timeout=${GUEST_TIMEOUT:-1500}

if [ ! -e "$store/complete" ]; then
  rm -rf "$store"
  mkdir -p "$store/root"
  apt-get update -qq
  # The newest 6.12 of Debian 12's backports; the cloud flavour has no 9p.
  package=$(apt-cache pkgnames linux-image-6.12 | grep -E '^linux-image-6\.12\.[0-9]+\+deb12-amd64$' |
    sort -V | tail -n 1)
  if [ -z "$package" ]; then
    echo "guest: no linux-image-6.12.*+deb12-amd64 is to be had; is bookworm-backports in the sources?" >&2
    exit 1
  fi
  (cd "$store" && apt-get download -qq "$package")
  dpkg -x "$store"/linux-image-*.deb "$store/root"
  rm "$store"/linux-image-*.deb
  depmod -b "$store/root" "$(ls "$store/root/lib/modules")"
  touch "$store/complete"
fi
if [ ! -x "$store/venv/bin/vng" ]; then
  vng=$(command -v vng || true)
  if [ -z "$vng" ]; then
    python3 -m venv "$store/venv" 2>/dev/null && "$store/venv/bin/pip" install -q virtme-ng ||
      pip install -q --break-system-packages virtme-ng
  fi
fi
vng=$store/venv/bin/vng
[ -x "$vng" ] || vng=$(command -v vng)

work=$(mktemp -d "$top/.build/guest-run.XXXXXX")
trap 'rm -rf "$work"' EXIT
# The root is read-only in there, and the guest's exit status does not survive vng: both go through a
# shared directory.
{
  echo '#!/bin/sh'
  echo "export PATH='$PATH' SWRUN='${SWRUN:-}' HOME=/root SWRUN_GUEST=1"
  # A program is read through 9p again with each execution, so the one under test goes into memory.
  echo 'if [ -n "$SWRUN" ]; then'
  echo '  mkdir /run/swrun-bin; mount -t tmpfs tmpfs /run/swrun-bin; cp "$SWRUN" /run/swrun-bin/swrun'
  echo '  mount -o remount,ro /run/swrun-bin; export SWRUN=/run/swrun-bin/swrun'
  echo 'fi'
  echo "cd '$top'"
  printf 'set --'
  for word; do printf " '%s'" "$(printf %s "$word" | sed "s/'/'\\\\''/g")"; done
  echo
  echo '"$@"'
  echo "echo \$? > '$work/status'"
} > "$work/script"
set +e
timeout --foreground -k 10 "$timeout" "$vng" --disable-kvm --run "$store"/root/boot/vmlinuz-* \
  --memory 4G --cpus 2 --rwdir="$work" --exec "sh '$work/script'" </dev/null
outer=$?
set -e
if [ ! -s "$work/status" ]; then
  if [ "$outer" = 124 ] || [ "$outer" = 137 ]; then
    echo "guest: not finished after $timeout seconds" >&2
  else
    echo "guest: ended without a result (vng: $outer)" >&2
  fi
  exit 1
fi
exit "$(cat "$work/status")"
