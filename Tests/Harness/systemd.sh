#!/bin/sh
# Usage: systemd.sh DIRECTORY
#
# Runs systemd as PID 1 of namespaces of its own, over this very file system and cgroup v2 hierarchy,
# with a message bus and nothing else: all that swrun asks for a scope. For root in the guest; kill
# systemd to end it. DIRECTORY is for its units. By hand, in a script for guest.sh:
#
#   Tests/Harness/systemd.sh /tmp/sd & sleep 20
#   nsenter -t "$(pgrep -n -x systemd)" -m -p "$SWRUN" --memory 64m -- cat /proc/self/cgroup
set -eu

if [ -z "${SWRUN_SYSTEMD:-}" ]; then
  export SWRUN_SYSTEMD=1
  exec unshare --mount --pid --ipc --uts --fork --kill-child --mount-proc sh "$0" "$1"
fi
mkdir -p "$1"
cd "$1"

cat >dbus.socket <<'END'
[Unit]
DefaultDependencies=no
[Socket]
ListenStream=/run/dbus/system_bus_socket
END
cat >dbus.service <<'END'
[Unit]
DefaultDependencies=no
Requires=dbus.socket
[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation
END
cat >bus.target <<'END'
[Unit]
DefaultDependencies=no
Wants=dbus.service
After=dbus.service
AllowIsolate=yes
END

# /run/systemd is what the rest of the guest must not see. The program under test may lie in /run.
program=$(dirname "${SWRUN:-/usr/bin}")
mkdir -p program
mount --bind "$program" program
mount -t tmpfs tmpfs /run
mkdir -p "$program"
mount --move program "$program"

# With the last directory it finds transient units again when it reads its units anew.
exec env -i "PATH=$PATH" container=swrun "SYSTEMD_UNIT_PATH=$1:/run/systemd/transient" \
  /lib/systemd/systemd --system --unit=bus.target --log-target=console --show-status=no
