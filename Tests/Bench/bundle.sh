#!/bin/bash
# bundle.sh [ROUNDS]: a bundle from start to exit, without a network of its own, beside crun and runc with the very same
# bundle; on this machine, and in the guest. Rounds are interleaved so that drift hits all alike; what does not run
# where it is measured says why.
set -eu
cd "$(dirname "$0")/../.."

if [ "${1:-}" != --inside ]; then
  mkdir -p .build/bench
  gcc -O2 -Wall -static -o .build/bench/timer Tests/Bench/timer.c
  echo "on this machine:"
  "$0" --inside "${1:-20}"
  echo "in the guest:"
  exec Tests/Harness/guest.sh Tests/Bench/bundle.sh --inside "${1:-10}"
fi

rounds=$2
work=$(mktemp -d /run/bundle-bench.XXXXXX)
trap 'umount -l $work/bundle/rootfs; rm -rf --one-file-system $work' EXIT
mkdir -p $work/bin $work/bundle/rootfs $work/times
cp .build/bench/timer "${SWRUN:-.build/swrun}" $work/bin
export SWRUN_ROOT=$work/run SWRUN_STATE_DIR=$work/state
# crun does not take / itself as a root.
mount --bind / $work/bundle/rootfs
(cd $work/bundle && runc spec)
python3 - $work/bundle/config.json <<'END'
import json, sys
spec = json.load(open(sys.argv[1]))
spec["process"].update(args=["true"], terminal=False)
json.dump(spec, open(sys.argv[1], "w"))
END

prepare() { # CASE ROUND
  case $1 in
  swrun) command=($work/bin/swrun --rm --no-init --bundle $work/bundle) ;;
  *) command=("$1" run --bundle $work/bundle "bench$2") ;;
  esac
}

# Round 0 warms the page cache: not counted, but it tells what does not work here.
for round in $(seq 0 "$rounds"); do
  for case in swrun crun runc; do
    [ ! -e $work/$case.broken ] || continue
    file=$work/times/$case
    [ "$round" -gt 0 ] || file=$work/first
    prepare $case "$round"
    $work/bin/timer $file "${command[@]}" >$work/output 2>&1 </dev/null ||
      { echo "exit status $?:" && head -n 2 $work/output; } >$work/$case.broken
    sleep 0.2 # the kernel's late clean-up of namespaces is not to be the next one's cost
  done
done

median() { # CASE
  cut -d ' ' -f 1 $work/times/$1 | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

printf '%-8s %9s %9s %9s\n' '' 'min ms' 'median ms' "x crun's"
for case in swrun crun runc; do
  if [ -e $work/$case.broken ]; then
    printf '%-8s does not run here: %s\n' $case "$(tr '\n' ' ' <$work/$case.broken)"
    continue
  fi
  awk -v name=$case -v median="$(median $case)" -v crun="$(median crun 2>/dev/null)" '
    !min || $1 < min { min = $1 }
    END { printf "%-8s %9.1f %9.1f %9s\n", name, min, median, crun ? sprintf("%.2f", median / crun) : "-" }' $work/times/$case
done
[ ! -e $work/swrun.broken ]
