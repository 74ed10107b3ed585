#!/bin/bash
# bench.sh [ROUNDS]: measures swrun beside the same thing done by hand and by its peers, in the guest. The workload is
# `true`, the time that of the whole process from start to exit; rounds are interleaved so that drift hits all alike.
set -eu
cd "$(dirname "$0")/../.."

if [ "${1:-}" != --inside ]; then
  mkdir -p .build/bench
  gcc -O2 -Wall -static -o .build/bench/timer Tests/Bench/timer.c
  gcc -O2 -Wall -o .build/bench/floor Tests/Bench/floor.c -lmnl
  exec Tests/Harness/guest.sh Tests/Bench/bench.sh --inside "${1:-5}"
fi

rounds=$2
bench=$PWD/.build/bench
swrun=${SWRUN:-$PWD/.build/swrun}
work=/run/bench
mkdir -p $work/bin $work/root $work/bundle $work/times
# What is read through 9p again with each execution would be measured by its size.
cp "$bench/floor" "$bench/timer" "$swrun" $work/bin
bench=$work/bin swrun=$work/bin/swrun
export SWRUN_ROOT=$work/run SWRUN_STATE_DIR=$work/state

# The guest is thrown away, so its own namespace may be the host: eth0, and the LAN behind the veth's other end.
ip netns add lan
ip link add eth0 type veth peer name eth0 netns lan
ip addr add 10.20.20.5/24 dev eth0
ip link set eth0 up
ip route add default via 10.20.20.1
ip -n lan addr add 10.20.20.1/24 dev eth0
ip -n lan link set eth0 up

cat >$work/by-hand.sh <<'END'
set -e
ip netns add byhand
ip link add slave0 link eth0 type ipvlan mode l2
ip link set slave0 netns byhand
ip -n byhand link set lo up
ip -n byhand addr add "$1/24" dev slave0
ip -n byhand link set slave0 up
ip -n byhand route add default via 10.20.20.1
ip netns exec byhand true
ip netns del byhand
END

# crun and nspawn do not take / itself as a root.
mount --bind / $work/root
if command -v crun >/dev/null; then
  (cd $work/bundle && crun spec)
  python3 - $work/bundle/config.json $work/root <<'END'
import json, sys
path, root = sys.argv[1:]
spec = json.load(open(path))
spec["process"].update(args=["true"], terminal=False)
spec["root"] = {"path": root, "readonly": True}
json.dump(spec, open(path, "w"))
END
fi

# Sets `command`. The kernel removes a dead namespace's slave some time later, and its address is busy until then: all
# but swrun, which removes its slave before it ends, get a new address each round.
prepare() { # CASE ROUND
  case $1 in
  floor) command=("$bench/floor" eth0 "10.20.20.$((10 + $2))/24" 10.20.20.1 true) ;;
  swrun) command=("$swrun" --net ipvlan:eth0:l2 --ip 10.20.20.2 -- true) ;;
  by-hand) command=(sh $work/by-hand.sh "10.20.20.$((110 + $2))") ;;
  bwrap) command=(bwrap --unshare-all --ro-bind / / true) ;;
  crun) command=(crun run --bundle $work/bundle "bench$2") ;;
  nspawn) command=(systemd-nspawn --quiet --register=no --keep-unit --network-ipvlan=eth0 --read-only --as-pid2
    --directory=$work/root true) ;;
  docker) command=(docker run --rm --network bench --ip "10.20.20.$((180 + $2))" bench true) ;;
  esac
}

here() { # CASE
  case $1 in
  by-hand) true ;;
  nspawn) command -v systemd-nspawn ;;
  # Needs a daemon, an ipvlan network and an image, each called bench but the first.
  docker) command -v docker && docker network inspect bench ;;
  *) prepare "$1" 0 && command -v "${command[0]}" ;;
  esac >/dev/null 2>&1
}

cases=
absent=
for case in floor swrun by-hand bwrap crun nspawn docker; do
  if here $case; then cases="$cases $case"; else absent="$absent $case"; fi
done

# Round 0 loads modules and warms the page cache: not counted, but it tells what does not work here.
for round in $(seq 0 "$rounds"); do
  for case in $cases; do
    [ ! -e $work/$case.broken ] || continue
    file=$work/times/$case
    [ "$round" -gt 0 ] || file=$work/first
    prepare "$case" "$round"
    "$bench/timer" $file "${command[@]}" >$work/output 2>&1 </dev/null ||
      { echo "exit status $?" && head -n 3 $work/output; } >$work/$case.broken
    sleep 0.5 # the kernel's late clean-up of namespaces is not to be the next one's cost
  done
done

median() { # CASE
  cut -d ' ' -f 1 "$work/times/$1" | sort -n |
    awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

echo "Linux $(uname -r), $(nproc) CPUs, $(systemd-detect-virt --vm 2>/dev/null || true), $rounds rounds"
printf '%-8s %9s %9s %8s %9s\n' '' 'min ms' 'median ms' 'x floor' 'RSS KiB'
status=0
for case in $cases; do
  if [ -e $work/$case.broken ]; then
    printf '%-8s does not run here: %s\n' $case "$(tr '\n' ' ' <$work/$case.broken)"
    case $case in swrun | floor) status=1 ;; esac
    continue
  fi
  awk -v name=$case -v median="$(median $case)" -v floor="$(median floor 2>/dev/null || echo 1)" '
    !min || $1 < min { min = $1 }
    $2 > rss { rss = $2 }
    END { printf "%-8s %9.1f %9.1f %8.2f %9d\n", name, min, median, median / floor, rss }' $work/times/$case
done
for case in $absent; do printf '%-8s not installed\n' $case; done
echo "swrun's binary: $(stat -c %s "$swrun") bytes"
exit $status
