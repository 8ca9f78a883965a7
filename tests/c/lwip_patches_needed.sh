#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/c/lwip_patches_needed.sh - shows that each patch of lwip/patches/ is needed, and tested
#
# usage: tests/c/lwip_patches_needed.sh [NUMBER...]        (0001 0002 ...; all by default)
#
# Builds lwIP and the tests of its patches with all patches, which must pass; then with one patch
# taken back after the other, upon which exactly the test case of that number must fail. CC and
# CFLAGS (-fsanitize=address,undefined) are honoured. Needs what lwip/fetch.sh makes.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
lwip=$root/build/lwip/patched
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# compile TREE WHAT...: with the flags of all
compile() {
    tree=$1
    shift
    # shellcheck disable=SC2086 # a list of flags
    ${CC:-cc} -std=gnu11 -O1 -g -w -DRINGSTACK_NATIVE -DIPV6_FRAG_COPYHEADER=1 ${CFLAGS:-} \
        -I"$root/tests/c/lwip_rig" -I"$root/core" -I"$root/lwip" -I"$tree/src/include" "$@"
}

# extensions TREE: core/ that lwIP's hooks call; without the patch that has the hooks, one may not compile,
# and nothing calls it
extensions() {
    rm -f "$tmp"/*.o
    for source in tcp_recovery tcp_rto tcp_tso; do
        compile "$1" -c "$root/core/lwext/$source.c" -o "$tmp/$source.o" 2>/dev/null || true
    done
}

# build TREE PROGRAM
build() {
    # shellcheck disable=SC2046 # a list of flags
    compile "$1" -o "$tmp/$2" "$root/tests/c/$2.c" "$tmp"/*.o "$1"/src/core/*.c "$1"/src/core/ipv4/*.c \
        "$1"/src/core/ipv6/*.c "$1"/src/netif/ethernet.c $(pkg-config --cflags --libs check)
}

# failed_cases TREE: names of the test cases that fail
failed_cases() {
    extensions "$1"
    for source in "$root"/tests/c/test_lwip_patches*.c; do
        program=$(basename "$source" .c)
        build "$1" "$program"
        "$tmp/$program" >"$tmp/log" 2>/dev/null || true
        grep -q '^[0-9]*%: Checks' "$tmp/log" || echo "$program-did-not-run"
        sed -n 's/^[^:]*:[0-9]*:[FE]:\([^:]*\):.*/\1/p' "$tmp/log"
    done | sort -u | xargs
}

"$root/lwip/fetch.sh"
status=0
if [ $# -eq 0 ]; then
    failed=$(failed_cases "$lwip")
    echo "with all patches: ${failed:-all pass}"
    [ -z "$failed" ] || status=1
fi
for patch in "$root"/lwip/patches/*.patch; do
    name=$(basename "$patch" .patch)
    number=${name%%-*}
    case " ${*:-$number} " in *" $number "*) ;; *) continue ;; esac
    rm -rf "$tmp/tree" && mkdir "$tmp/tree" && cp -R "$lwip/src" "$lwip/test" "$tmp/tree/"
    (cd "$tmp/tree" && patch --quiet --batch --reverse -p1 <"$patch")
    failed=$(failed_cases "$tmp/tree")
    if [ "$failed" = "$number" ]; then
        echo "without $name: $number fails, as it should"
    else
        echo "without $name: ${failed:-nothing} fails, $number should" >&2
        status=1
    fi
done
exit $status
