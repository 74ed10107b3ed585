#!/bin/bash
# Usage: guest.sh [COMMAND [ARG...]]
#
# Boots a stock Debian kernel, which has ipvlan, over this very file system and runs COMMAND there as root in the
# repository. Output is passed on live, the exit status too; 124 is a guest that was killed after GUEST_TIMEOUT
# seconds (default 1500), 125 one that died twice. Without COMMAND it only fetches what is needed. GUEST_KVM=1 uses /dev/kvm.
#
# In the guest / is read-only with writable layers (lost at the end) on /etc /home /opt /srv /usr /var /tmp; /run and
# /dev/shm are fresh; .build/out is shared, for results. There is no network but `lo`.
set -eu

vng_version=1.42
series=6.12 # has ipvlan as a module, and is in Debian 12's security archive

repository=$(cd "$(dirname "$0")/../.." && pwd)
cache=$repository/.build/guest
timeout=${GUEST_TIMEOUT:-1500}
mkdir -p "$cache" "$repository/.build/out"

say() { echo "guest.sh: $*" >&2; }

# pip --target needs no venv package and leaves the system's Python alone.
fetch_vng() {
  rm -rf "$cache/vng"
  python3 -m pip install --quiet --root-user-action=ignore --target "$cache/vng" "virtme-ng==$vng_version"
}

newest_kernel() {
  apt-cache search --names-only "^linux-image-${series/./\\.}\.[0-9]+\+deb[0-9]+-amd64\$" |
    cut -d ' ' -f 1 | sort -V | tail -n 1
}

fetch_kernel() {
  local package
  rm -rf "$cache/linux" "$cache"/linux-image-*.deb
  package=$(newest_kernel)
  if [ -z "$package" ]; then # the lists may be missing
    apt-get update -qq || true
    package=$(newest_kernel)
  fi
  if [ -z "$package" ]; then
    say "apt offers no linux-image-$series.*-amd64 (Debian 12 has it in bookworm-security)"
    exit 1
  fi
  say "fetching $package"
  # APT's own user may not write here, and says so for every file.
  (
    cd "$cache"
    download() { apt-get download -qq -o APT::Sandbox::User=root "$package"; }
    download || { apt-get update -qq && download; } # the lists may be old
  )
  dpkg -x "$cache"/linux-image-*.deb "$cache/linux"
  depmod -b "$cache/linux" "$(ls "$cache/linux/lib/modules")"
  rm "$cache"/linux-image-*.deb
}

# A stamp is written last and says what was asked for: a half-made or outdated cache is made again.
once() { # WHAT WANTED
  [ "$(cat "$cache/$1.stamp" 2>/dev/null)" != "$2" ] || return 0
  rm -f "$cache/$1.stamp"
  "fetch_$1"
  echo "$2" >"$cache/$1.stamp"
}

export PATH=$PATH:/usr/sbin:/sbin
exec 9>"$cache/lock"
flock 9
once vng "$vng_version"
once kernel "$series"
exec 9>&-
[ $# -gt 0 ] || exit 0

run=$(mktemp -d "$repository/.build/out/run.XXXXXX")
vng=
cleanup() {
  [ -z "$vng" ] || kill "$vng" 2>/dev/null || true
  rm -rf "$run"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A file, since that is the easiest quoting that survives vng; the status comes back in one too, so that a guest that
# died is never taken for a command that ended.
{
  echo '#!/bin/bash'
  printf 'export PATH=%q SWRUN=%q CI=%q HOME=/root SWRUN_GUEST=1\n' "$PATH" "${SWRUN:-$repository/.build/swrun}" "${CI:-}"
  # A program is read through 9p again with each execution, so the one under test goes into memory.
  cat <<'END'
if [ -x "$SWRUN" ]; then
  mkdir /run/swrun-bin; mount -t tmpfs tmpfs /run/swrun-bin; cp "$SWRUN" /run/swrun-bin/swrun
  mount -o remount,ro /run/swrun-bin; export SWRUN=/run/swrun-bin/swrun
fi
END
  # With the first cpuset and the first limit of CPU time, and again with the last, the kernel patches its own code
  # (cpusets_enabled_key in the page allocator, cfs_bandwidth_used in the scheduler). QEMU emulates two CPUs by threads,
  # and one may still run a translation of the breakpoint that was there meanwhile: "Oops: int3" in
  # get_page_from_freelist. A cgroup that stays keeps the code as it is.
  cat <<'END'
echo '+cpuset +cpu' >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/kept && echo 50000 >/sys/fs/cgroup/kept/cpu.max
END
  printf ': >%q\n' "$run/began"
  printf 'cd %q\n' "$repository"
  printf '%q ' "$@"
  printf '</dev/null\necho $? >%q\n' "$run/status"
} >"$run/command"

# On a busy machine the emulated timer is late, and the kernel, which tests it, would give up: no_timer_check.
boot() {
  # QEMU opens /proc/self/fd/1 anew, which would overwrite a file from its start: give it pipes.
  rm -f "$run"/stdout "$run"/stderr "$run"/began "$run"/console
  mkfifo "$run/stdout" "$run/stderr"
  cat "$run/stdout" &
  local copy1=$!
  cat "$run/stderr" >&2 &
  local copy2=$!
  # 9p even where virtiofsd exists, so that every machine tests the same. Errors of the kernel's go to a file.
  PYTHONPATH=$cache/vng PATH=$cache/vng/bin:$PATH timeout -k 10 "$timeout" \
    vng --run "$cache"/linux/boot/vmlinuz-* $accel --force-9p --memory 4G --cpus 2 \
    --append mitigations=off --append no_timer_check --append loglevel=4 \
    --qemu-opts="-set chardev.console.path=$run/console" \
    --rwdir "$repository/.build/out" --exec "bash $run/command" </dev/null >"$run/stdout" 2>"$run/stderr" &
  vng=$!
  SECONDS=0
  ended=0
  wait "$vng" 2>/dev/null || ended=$?
  vng=
  wait "$copy1" "$copy2" || true
}

# Whether it has died: no status, and not for the time that it took. Its console's last words tell why.
died() {
  [ ! -e "$run/status" ] && [ "$SECONDS" -lt "$timeout" ] || return 1
  say "the guest died after $SECONDS s, $(
    [ -e "$run/began" ] && echo 'as the command ran' || echo 'before the command began'
  ) (vng: $ended); its console ends so:"
  tail -n 60 "$run/console" 2>/dev/null | sed 's/^/guest.sh: | /' >&2
}

# Whether KVM truly runs a guest shows only in running one: /dev/kvm may be there and yet fault (nested, or filtered by
# the hypervisor). Emulation runs everywhere and alike, so KVM is for who asks for it.
accel=--disable-kvm
[ -z "${GUEST_KVM:-}" ] || accel=
boot
# That is the fault of the emulator, of its kernel, or of a command that can bring it down, which does so again.
if died; then
  say "once more, from the start"
  boot
  if died; then exit 125; fi
fi

if [ -e "$run/status" ]; then exit "$(cat "$run/status")"; fi
say "no end after $timeout s; killed"
exit 124
