#!/bin/bash
# scale.sh [ROUNDS]: what many networks and leases cost: listing, and an instance that takes a free address, with ten
# networks and ten leases, with a thousand and ten thousand, and with ten thousand on one network. It runs on this
# machine, in a network namespace of its own; rounds are interleaved so that drift hits all alike.
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-15}
swrun=${SWRUN:-$PWD/.build/swrun}
work=$(mktemp -d)
space=swbench$$
trap 'ip netns del $space 2>/dev/null; rm -rf "$work"' EXIT
gcc -O2 -Wall -static -o "$work/timer" Tests/Bench/timer.c
ip netns add $space
ip -n $space link add eth0 type veth peer name lan0
ip -n $space link set eth0 up
ip -n $space link set lan0 up

# STATE NETWORKS LEASES SUBNET: definitions as `network create` writes them, and leases that are shared out evenly. All
# are one living instance's: what instances themselves cost is not measured here.
python3 - "$work" <<'END_PYTHON'
import ipaddress, json, os, sys
work = sys.argv[1]
boot = open("/proc/sys/kernel/random/boot_id").read().strip()
for name, networks, leases, prefix in [("few", 10, 10, 24), ("many", 1000, 10000, 24), ("dense", 1, 10000, 16)]:
    holder = f"{work}/{name}/run/instances/holder"
    os.makedirs(holder)
    os.makedirs(f"{work}/{name}/lib/networks")
    for index in range(networks):
        subnet = ipaddress.ip_network((int(ipaddress.ip_address("10.0.0.0")) + index * 2 ** (32 - prefix), prefix))
        request = dict(version=1, name=f"net{index:04}", driver="macvlan", subnets=[str(subnet)], gateways=[], ranges=[],
                       auxiliary=[], options=["parent=eth0"], labels=[], isInternal=False, created="")
        json.dump(request, open(f"{work}/{name}/lib/networks/net{index:04}.json", "w"))
        directory = f"{work}/{name}/lib/leases/net{index:04}/{boot}"
        os.makedirs(directory)
        for lease in range(leases // networks):
            os.symlink(holder, f"{directory}/{subnet[lease + 2]}")
END_PYTHON

measure() { # STATE CASE WORDS...
  local state=$1 case=$2
  shift 2
  SWRUN_ROOT=$work/$state/run SWRUN_STATE_DIR=$work/$state/lib \
    ip netns exec $space "$work/timer" "$work/$case-$state.times" "$swrun" "$@" >/dev/null 2>"$work/errors" ||
    { cat "$work/errors" >&2; exit 1; }
}

# Round 0 makes the index and warms the caches.
for round in $(seq 0 "$rounds"); do
  [ "$round" != 1 ] || rm "$work"/*.times
  for state in few many dense; do
    measure $state ls network ls
    measure $state run --rm --net net0000 -- true
  done
done

median() { cut -d ' ' -f 1 "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
printf '%-30s %9s %6s\n' '' 'median ms' 'x few'
for case in ls run; do
  few=$(median "$work/$case-few.times")
  for state in few many dense; do
    case $state in
    few) what='10 networks, 10 leases' ;;
    many) what='1000 networks, 10000 leases' ;;
    dense) what='1 network, 10000 leases' ;;
    esac
    now=$(median "$work/$case-$state.times")
    awk -v what="$case, $what" -v now="$now" -v few="$few" 'BEGIN { printf "%-34s %5.1f %6.2f\n", what, now, now / few }'
  done
done
