#!/bin/sh
# Runs the main job in a world of its own: two network namespaces, `host` with eth0 and `lan` behind it.
# Where the kernel has ipvlan, here; else in the guest.
set -eu
cd "$(dirname "$0")/../.."

if [ -z "${SWRUN_GUEST:-}" ]; then
  if ip link add swdemo0 type dummy 2>/dev/null; then
    has=no
    ip link add link swdemo0 name swdemo1 type ipvlan mode l2 2>/dev/null && has=yes
    ip link del swdemo0
  else
    has=no
  fi
  if [ "$has" = no ]; then
    echo "This kernel has no ipvlan: the demonstration runs on a Debian kernel in QEMU."
    exec Tests/Harness/guest.sh Tests/Harness/demo.sh
  fi
  SWRUN_GUEST=1
fi

work=$(mktemp -d)
export SWRUN_ROOT="$work/run" SWRUN_STATE_DIR="$work/lib"
PATH=$(dirname "$SWRUN"):$PATH
host=swdemo-host
lan=swdemo-lan
cleanup() {
  swrun rm -f web >/dev/null 2>&1 || true
  ip netns del $host 2>/dev/null || true
  ip netns del $lan 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

ip netns add $host
ip netns add $lan
ip -n $host link add eth0 type veth peer name eth0 netns $lan
ip -n $host link set lo up
ip -n $host addr add 10.20.20.5/24 dev eth0
ip -n $host link set eth0 up
ip -n $lan addr add 10.20.20.1/24 dev eth0
ip -n $lan link set eth0 up
ip -n $host route add default via 10.20.20.1

show() {
  printf '\n$ %s\n' "$*"
  ip netns exec $host "$@"
}

show swrun -d --name web --net ipvlan:eth0:l2 --ip 10.20.20.2 -- sleep 100
show swrun ps
show swrun exec web ip -br addr
show swrun exec web ping -c 1 10.20.20.1
show swrun stop web
show swrun ps -a
printf '\nThe host has no slave left:\n'
show ip -br link
