#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/node_suite/fetch.sh - brings Node's own tests into the build directory, and checks their hash
#
# usage: tests/node_suite/fetch.sh [DIR]        (DIR: build/node-suite/node by default)
#
#   DIR/test/{common,parallel,sequential,fixtures}   of the release that VERSION names, as published
#
# They come from Debian's source package, through an apt state of our own: the machine's is left as it is. Says nothing
# and writes nothing when they are there.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-$here/../../build/node-suite/node}

die() {
    printf '%s\n' "tests/node_suite/fetch.sh: $*" >&2
    exit 1
}

# The value of a key of VERSION.
pinned() { sed -n "s/^$1=//p" "$here/VERSION"; }

want=$(pinned sha256)
[ "$(cat "$dir/.verified" 2>/dev/null)" != "$want" ] || exit 0
command -v apt-get >/dev/null || die "needs apt-get: Node's tests are in Debian's source package nodejs"
mkdir -p "$(dirname "$dir")"
tmp=$(mktemp -d "$(dirname "$dir")/tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# The first Debian archive among this machine's own apt sources (both formats), security apart.
uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -n -e 's/^deb \(\[[^]]*\] *\)\{0,1\}\([a-z+]*:[^ ]*\) .*/\2/p' -e 's/^URIs: *\([^ ]*\).*/\1/p' |
    grep '/debian/*$' | head -n 1)
[ -n "$uri" ] || die "no Debian archive in /etc/apt"
mkdir -p "$tmp/lists/partial" "$tmp/cache/archives/partial" "$tmp/source" "$tmp/tree"
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $(pinned debian) main" >"$tmp/sources.list"
# apt's unprivileged user has no access to this directory, so apt does not switch to it.
private() {
    apt-get -qq -o APT::Sandbox::User="$(id -un)" -o Dir::State="$tmp" -o Dir::State::lists="$tmp/lists" \
        -o Dir::State::status=/dev/null -o Dir::Cache="$tmp/cache" -o Dir::Etc::sourcelist="$tmp/sources.list" \
        -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o APT::Update::Post-Invoke-Success::= -o Acquire::Languages=none "$@" </dev/null >>"$tmp/log" 2>&1
}
printf '%s\n' "tests/node_suite/fetch.sh: fetching the tests of Node $(pinned version)"
private update || die "$(tail -n 3 "$tmp/log")"
# The parts of the package that only Debian's build needs may be missing; the hash decides.
(cd "$tmp/source" && private source --download-only --tar-only nodejs) || true
orig=$(find "$tmp/source" -name 'nodejs_*.orig.tar.*')
[ -n "$orig" ] || die "$(tail -n 3 "$tmp/log")"
tar -xf "$orig" -C "$tmp/tree" --strip-components=1 --wildcards '*/test/common' '*/test/parallel/test-net-*' \
    '*/test/parallel/test-http-*' '*/test/parallel/test-dgram-*' '*/test/parallel/test-dns-*' \
    '*/test/sequential/test-net-*' '*/test/sequential/test-http-*' '*/test/sequential/test-dgram-*' \
    '*/test/fixtures/person.jpg' '*/test/fixtures/elipses.txt' '*/test/fixtures/keys' '*/test/fixtures/x.txt'
hash=$(cd "$tmp/tree/test" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1)
[ "$hash" = "$want" ] || die "refused: the tests fetched have hash $hash, VERSION wants $want"
# Above is a package of modules.
echo '{ "type": "commonjs" }' >"$tmp/tree/package.json"
printf '%s\n' "$want" >"$tmp/tree/.verified"
rm -rf "$dir"
mv "$tmp/tree" "$dir"
