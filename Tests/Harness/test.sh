#!/bin/sh
# test.sh TIER...: runs tiers (unit, root, guest) of tests that have been built, and says at the end
# how many have passed. A tier that cannot run counts as failed; SKIP="guest" leaves one out by name.
set -u
# No colours: the results are counted from the text.
export NO_COLOR=1
cd "$(dirname "$0")/../.."
export SWRUN="${SWRUN:-$PWD/.build/swrun}"
results=
passed=0
failed=0

for tier; do
  case " ${SKIP:-} " in *" $tier "*)
    results="$results$tier: skipped, as asked for
"
    continue ;;
  esac
  case $tier in
    unit) suite=UnitTests ;;
    root) suite=RootTests ;;
    guest) suite=GuestTests ;;
    *) echo "test.sh: no tier is called $tier" >&2; exit 2 ;;
  esac
  log=$(mktemp)
  # The test binary itself: no compiler runs under emulation. One test at a time: they look at what is
  # left on the whole machine.
  set -- .build/debug/swrunPackageTests.xctest --testing-library swift-testing --no-parallel \
    --filter "${FILTER:-$suite}"
  {
    if [ "$tier" = guest ]; then Tests/Harness/guest.sh "$@"; else "$@"; fi 2>&1
    echo "status $?"
  } | tee "$log"
  # A guest that died has begun once more, from the start.
  if grep -aq '^guest\.sh: once more' "$log"; then sed -i '1,/^guest\.sh: once more/d' "$log"; fi
  good=$(grep -aEc '^.{1,4} Test .*passed after' "$log")
  bad=$(grep -aEc '^.{1,4} Test .*failed after' "$log")
  # "Test run with …" is the summary, not a test.
  grep -aqE 'Test run with .* passed after' "$log" && good=$((good - 1))
  grep -aqE 'Test run with .* failed after' "$log" && bad=$((bad - 1))
  if ! grep -aq '^status 0' "$log" && [ "$bad" = 0 ]; then bad=1; fi
  if [ "$good" -le 0 ] && [ "$bad" = 0 ]; then bad=1; fi
  results="$results$tier: $good passed, $bad failed
"
  passed=$((passed + good))
  failed=$((failed + bad))
  rm -f "$log"
done

printf '\n%s%s passed, %s failed\n' "$results" "$passed" "$failed"
[ "$failed" = 0 ]
