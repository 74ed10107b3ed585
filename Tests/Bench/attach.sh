#!/bin/bash
# attach.sh [ROUNDS]: an attach by swrun's own code beside the least C for the same netlink work, in turns in one
# process: on this machine with macvlan, and in the guest with ipvlan. swrun also keeps the interface from a link-local
# address and from router advertisements, which is in its time and not in the other's.
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-200}
program=.build/attach-bench
if [ -z "${SWRUN_GUEST:-}" ]; then
  swift build -c release -Xswiftc -static-stdlib --product attach-bench >/dev/null
  cp "$(swift build -c release -Xswiftc -static-stdlib --show-bin-path)/attach-bench" $program
fi
host=swattach$$
trap 'ip netns del $host 2>/dev/null; ip netns del ${host}i 2>/dev/null' EXIT
ip netns add $host
ip netns add ${host}i
ip -n $host link add eth0 type veth peer name lan0
ip -n $host link set eth0 up
ip -n $host link set lan0 up
if [ -n "${SWRUN_GUEST:-}" ]; then
  ip netns exec $host $program ipvlan eth0 /run/netns/${host}i "$rounds"
else
  ip netns exec $host $program macvlan eth0 /run/netns/${host}i "$rounds"
  Tests/Harness/guest.sh Tests/Bench/attach.sh 20
fi
