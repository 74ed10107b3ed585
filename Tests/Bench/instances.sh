#!/bin/bash
# instances.sh [COUNT]: what many instances of sleep in the background cost, on one parent: the first start and the last,
# ps of all beside `ip netns list` and ps, memory of a monitor (proportional set size) and processor time at rest. It
# runs on this machine, in a network namespace of its own; NET says which network they have (macvlan, or ipvlan where
# the kernel has it, or none).
set -eu
cd "$(dirname "$0")/../.."
count=${1:-1000}
kind=${NET:-macvlan}
swrun=${SWRUN:-$PWD/.build/swrun}
work=$(mktemp -d)
space=swmany$$
export SWRUN_ROOT=$work/run SWRUN_STATE_DIR=$work/lib
inside() { ip netns exec $space "$@"; }
clean() {
  inside "$swrun" ps -q 2>/dev/null | xargs -r -n 100 ip netns exec $space "$swrun" rm -f >/dev/null 2>&1 || true
  for number in $(seq "$count"); do ip netns del "$space-$number" 2>/dev/null || true; done
  ip netns del $space 2>/dev/null || true
  rm -rf "$work"
}
trap clean EXIT
gcc -O2 -Wall -static -o "$work/timer" Tests/Bench/timer.c
ip netns add $space
ip -n $space link add eth0 type veth peer name lan0
ip -n $space link set eth0 up
ip -n $space link set lan0 up

network() { # NUMBER
  [ "$kind" = none ] || echo "--net $kind:eth0,ip=10.$((100 + $1 / 250)).0.$((1 + $1 % 250))/8,gateway=none"
}
run() { # TIMES NUMBER
  # shellcheck disable=SC2046
  ip netns exec $space "$work/timer" "$1" "$swrun" -d --name "n$2" $(network "$2") -- sleep 100000 >/dev/null
}
median() { cut -d ' ' -f 1 "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

run "$work/warm" 0
for number in $(seq "$count"); do
  times=$work/middle
  [ "$number" -gt 10 ] || times=$work/first
  [ "$number" -le $((count - 10)) ] || times=$work/last
  run "$times" "$number"
done
for number in $(seq "$count"); do ip netns add "$space-$number"; done
for _ in 1 2 3 4 5; do
  ip netns exec $space "$work/timer" "$work/ps" "$swrun" ps >/dev/null
  "$work/timer" "$work/peers" sh -c 'ip netns list; ps -ef' >/dev/null
done

monitors=$(grep -l "\"pid\"" "$work"/run/instances/*/state.json | head -n 50 | xargs sed -n 's/.*"monitor":{"pid":\([0-9]*\).*/\1/p')
pss() { for pid in "$@"; do awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup"; done | awk '{ s += $1 } END { print s / NR }'; }
ticks() { for pid in $monitors; do awk '{ print $14 + $15 }' "/proc/$pid/stat"; done | awk '{ s += $1 } END { print s }'; }
before=$(ticks)
sleep 10
after=$(ticks)

awk -v n="$count" -v a="$(median "$work/first")" -v b="$(median "$work/last")" -v p="$(median "$work/ps")" \
  -v q="$(median "$work/peers")" 'BEGIN {
    printf "start of the first ten      %7.1f ms\nstart of the last of %-6d %7.1f ms  %.2f x\n", a, n, b, b / a
    printf "swrun ps of %-6d          %7.1f ms\nip netns list and ps -ef    %7.1f ms  %.2f x\n", n, p, q, p / q }'
# shellcheck disable=SC2086
echo "memory of a monitor         $(pss $monitors) KiB"
echo "ticks of $(echo "$monitors" | wc -l) monitors in 10 s at rest: $((after - before))"
