#!/bin/bash
# logs.sh [MEGABYTES [ROUNDS]]: how fast a workload's lines get into its log, beside conmon with the same workload: it
# prints so much in lines of 100 bytes, into Docker's json-file format and into that of CRI, which is conmon's. Measured is
# the workload from its start to the end of who logs it. Rounds are interleaved so that drift hits all alike.
set -eu
cd "$(dirname "$0")/../.."
megabytes=${1:-200} rounds=${2:-5}
swrun=${SWRUN:-$PWD/.build/swrun}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/run" "$work/lib" "$work/data"
export SWRUN_ROOT=$work/run SWRUN_STATE_DIR=$work/lib
gcc -O2 -Wall -static -o "$work/timer" Tests/Bench/timer.c

# The workload copies a file that is in the page cache, so that it costs as little as can be.
python3 - "$work/data/lines" "$megabytes" <<'END'
import sys
count = int(sys.argv[2]) * 10_000
with open(sys.argv[1], "w") as file:
    for number in range(count):
        file.write(f"{number:010} " + "lines as services print them, with \"quotes\", and some more words to fill a hundred byt"[:88] + "\n")
END

# conmon asks a runtime to start the container; this one is all that it needs of one: the workload, without a sandbox.
cat >"$work/runtime" <<'END'
#!/bin/sh
# conmon: RUNTIME create --bundle DIR --pid-file FILE ID; later RUNTIME start ID, which is nothing here.
while [ $# -gt 0 ]; do
  case $1 in
  --pid-file) file=$2; shift ;;
  --pid-file=*) file=${1#*=} ;;
  esac
  shift
done
cat DATA &
echo $! >"$file"
END
sed -i "s|DATA|$work/data/lines|" "$work/runtime"
chmod +x "$work/runtime"

cat >"$work/run-swrun" <<END
#!/bin/sh
set -e
id=\$($swrun -d --log-driver \$1 --no-init -v $work/data:/mnt:ro -- cat /mnt/lines)
$swrun wait \$id >$work/code
END
cat >"$work/run-conmon" <<END
#!/bin/sh
mkdir -p $work/exits
# Its own exit status is 1, since the runtime never says that it has started.
conmon --sync -c bench -u bench -r $work/runtime -b $work/bundle -p $work/pid -l k8s-file:$work/conmon.log \\
  --no-sync-log --exit-dir $work/exits --socket-dir-path $work/exits --log-level error
[ -e $work/exits/bench ]
END
chmod +x "$work"/run-*
mkdir "$work/bundle"

prepare() {
  rm -rf "$work"/lib/logs "$work/conmon.log" "$work/exits" "$work/pid"
  ids=$("$swrun" ps -aq)
  [ -z "$ids" ] || "$swrun" rm -f $ids >"$work/removed"
  sync -f "$work"
}

for round in $(seq 0 "$rounds"); do
  [ "$round" != 1 ] || rm "$work"/*.times
  for case in conmon plain json-file; do
    prepare
    case $case in
    conmon) command=("$work/run-conmon") ;;
    *) command=("$work/run-swrun" $case) ;;
    esac
    "$work/timer" "$work/$case.times" "${command[@]}" </dev/null >"$work/output" 2>&1 || { cat "$work/output"; exit 1; }
    logs=$(ls "$work/conmon.log" "$work"/lib/logs/*/log.* 2>"$work/missing" || true)
    # conmon breaks a line where a reading of its ends, and marks the parts with P.
    lines=$(grep -vc ' stdout P ' $logs)
    [ "$lines" = $((megabytes * 10000)) ] || { echo "$case logged $lines lines of $((megabytes * 10000))" >&2; exit 1; }
  done
done

median() { cut -d ' ' -f 1 "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
conmon=$(median "$work/conmon.times")
printf '%-22s %9s %9s %15s\n' "log of $megabytes MB" 'median ms' MB/s "times conmon's"
for case in conmon plain json-file; do
  now=$(median "$work/$case.times")
  awk -v what=$case -v now="$now" -v conmon="$conmon" -v size="$megabytes" \
    'BEGIN { printf "%-22s %9.1f %9.0f %15.2f\n", what, now, size / now * 1000, conmon / now }'
done
