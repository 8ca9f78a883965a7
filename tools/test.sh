#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/test.sh - runs the native test programs and the TypeScript tests, and adds them up
#
# usage: tools/test.sh [--native | --projects 'NAME...'] PROGRAM...
#
# --native leaves the TypeScript tests out; --projects names those of vitest.config.ts that run.
# Each PROGRAM is built on the library Check. The end of its output is shown when it fails; otherwise
# one line. All of it is in build/test/.
# Everything runs whatever fails before it. The last line is "N passed, N failed"; the exit status
# is 0 only if something ran and nothing failed.
set -u

native_only=
projects='unit inline worker'
case ${1:-} in
--native)
    native_only=yes
    shift
    ;;
--projects)
    projects=$2
    shift 2
    ;;
esac
out=build/test
mkdir -p "$out"
passed=0
failed=0
skipped=0

# A report of a sanitizer fails the test that caused it.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}"
# Check stops a test after this many seconds; sanitizers make it slow.
export CK_DEFAULT_TIMEOUT="${CK_DEFAULT_TIMEOUT:-60}"

for program; do
    log=$out/$(echo "$program" | tr / -).log
    "$program" >"$log" 2>&1 </dev/null
    status=$?
    # Check's own closing line, as in "97%: Checks: 82, Failures: 1, Errors: 1".
    line=$(grep -E '^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$' "$log" | tail -n 1)
    # shellcheck disable=SC2046  # three numbers, or none
    set -- $(echo "$line" | sed 's/^[0-9]*%//; s/[^0-9]/ /g')
    bad=$((${2:-0} + ${3:-0}))
    if [ -z "$line" ] || { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
        # It died, or a leak was found at its end.
        bad=$((bad + 1))
        line="exit status $status"
    fi
    good=$((${1:-0} - ${2:-0} - ${3:-0}))
    passed=$((passed + good))
    failed=$((failed + bad))
    [ "$bad" -eq 0 ] || tail -n 60 "$log"
    printf '  %-7s %s: %s\n' TEST "$program" "$line"
done

if [ -z "$native_only" ]; then
    report=$out/vitest.json
    rm -f "$report"
    # shellcheck disable=SC2046,SC2086  # lists of words
    node_modules/.bin/vitest run $(printf -- '--project %s ' $projects) \
        --reporter=default --reporter=json --outputFile.json="$report" </dev/null
    status=$?
    counts=$(node -p 'const r = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
        [r.numPassedTests, r.numFailedTests, r.numPendingTests + r.numTodoTests].join(" ")' "$report" 2>/dev/null)
    # shellcheck disable=SC2086  # three numbers, or none
    set -- $counts
    passed=$((passed + ${1:-0}))
    failed=$((failed + ${2:-0}))
    skipped=$((skipped + ${3:-0}))
    # A file that cannot be loaded, or an error outside of any test.
    if [ "$status" -ne 0 ] && [ "${2:-0}" -eq 0 ]; then
        failed=$((failed + 1))
    fi
fi

if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
