#!/bin/sh
# SPDX-License-Identifier: MIT
# lwip/fetch.sh - brings lwIP's source into the build directory, checks its hash, applies our patches
#
# usage: lwip/fetch.sh [DIR]        (DIR: build/lwip by default)
#
#   DIR/pristine/{src,test}   the release as published; refused unless its hash is that of lwip/VERSION
#   DIR/patched/{src,test}    the same with lwip/patches/*.patch applied in the order of their names
#
# Says nothing and writes nothing when both are up to date. Each tree is made beside its place and
# moved there whole, so an interrupted run leaves no half of one.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-$here/../build/lwip}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

say() { printf '%s\n' "lwip/fetch.sh: $*"; }
die() {
    printf '%s\n' "lwip/fetch.sh: $*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Values of a key of lwip/VERSION, one a line.
pinned() { sed -n "s/^$1=//p" "$here/VERSION"; }

if have sha256sum; then
    sum() { sha256sum "$@"; }
elif have shasum; then
    sum() { shasum -a 256 "$@"; }
else
    die "no sha256sum; install coreutils"
fi

# The hash of all files below src/ of the tree $1, as lwip/VERSION describes it.
tree_hash() (
    cd "$1/src" && find . -type f | LC_ALL=C sort | while read -r file; do sum "$file"; done | sum | cut -d' ' -f1
)

# Git can wait for minutes on a network that drops packets.
short() {
    if have timeout; then timeout 60 "$@"; else "$@"; fi
}

from_git() {
    have git || return 1
    for url in $(pinned git); do
        rm -rf "$tmp/git"
        if GIT_TERMINAL_PROMPT=0 short git -c advice.detachedHead=false -c http.lowSpeedLimit=1000 \
            -c http.lowSpeedTime=15 clone --quiet --depth 1 --branch "$(pinned tag)" "$url" "$tmp/git" \
            </dev/null >/dev/null 2>&1; then
            mkdir "$tmp/tree" && mv "$tmp/git/src" "$tmp/git/test" "$tmp/tree/"
            return
        fi
    done
    return 1
}

# The first Debian archive among this machine's own apt sources (both formats), security apart.
debian_uri() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        sed -n -e 's/^deb \(\[[^]]*\] *\)\{0,1\}\([a-z+]*:[^ ]*\) .*/\2/p' -e 's/^URIs: *\([^ ]*\).*/\1/p' |
        grep '/debian/*$' | head -n 1
}

# Debian's source package, through an apt state of our own: the machine's is left as it is.
from_debian() {
    have apt-get || return 1
    uri=$(debian_uri)
    [ -n "$uri" ] || return 1
    apt=$tmp/apt
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/source"
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $(pinned debian) main" \
        >"$apt/sources.list"
    # apt's unprivileged user has no access to this directory, so apt does not switch to it.
    private() {
        apt-get -qq -o APT::Sandbox::User="$(id -un)" -o Dir::State="$apt" -o Dir::State::lists="$apt/lists" \
            -o Dir::State::status=/dev/null -o Dir::Cache="$apt/cache" -o Dir::Etc::sourcelist="$apt/sources.list" \
            -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
            -o APT::Update::Post-Invoke-Success::= -o Acquire::Languages=none "$@" </dev/null >>"$apt/log" 2>&1
    }
    if ! private update || ! (cd "$apt/source" && private source --download-only lwip); then
        tail -n 3 "$apt/log" >&2
        return 1
    fi
    for orig in "$apt"/source/lwip_*.orig.tar.*; do
        mkdir "$tmp/orig" && tar -xf "$orig" -C "$tmp/orig" || return 1
    done
    mkdir "$tmp/tree" && mv "$tmp"/orig/*/src "$tmp"/orig/*/test "$tmp/tree/"
}

fetch() {
    say "fetching lwIP $(pinned version)"
    from_git || from_debian ||
        die "cannot fetch lwIP $(pinned version): neither git nor Debian's source package could be reached"
    hash=$(tree_hash "$tmp/tree")
    [ "$hash" = "$want" ] || die "refused: the source fetched has hash $hash, lwip/VERSION wants $want"
    printf '%s\n' "$want" >"$tmp/tree/.verified"
    rm -rf "$dir/pristine"
    mv "$tmp/tree" "$dir/pristine"
}

apply_patches() {
    # Not `cp -p`: every file is newer than what was compiled from the tree before.
    mkdir "$tmp/patched" && cp -R "$dir/pristine/src" "$dir/pristine/test" "$tmp/patched/"
    for patch in "$here"/patches/*.patch; do
        [ -e "$patch" ] || continue
        if ! (cd "$tmp/patched" && patch --quiet --batch --forward --fuzz=0 -p1 <"$patch") >"$tmp/log" 2>&1; then
            cat "$tmp/log" >&2
            die "lwip/patches/$(basename "$patch") does not apply to lwIP $(pinned version)"
        fi
    done
    printf '%s\n' "$state" >"$tmp/patched/.state"
    rm -rf "$dir/patched"
    mv "$tmp/patched" "$dir/patched"
}

want=$(pinned sha256)
state=$(cat "$here/VERSION" "$here"/patches/*.patch 2>/dev/null | sum | cut -d' ' -f1)
if [ "$(cat "$dir/patched/.state" 2>/dev/null)" = "$state" ] &&
    [ "$(cat "$dir/pristine/.verified" 2>/dev/null)" = "$want" ]; then
    exit 0
fi

tmp=$(mktemp -d "$dir/tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
have patch || die "no patch; install it (Debian: apt-get install patch)"
if [ "$(cat "$dir/pristine/.verified" 2>/dev/null)" != "$want" ]; then
    fetch
fi
apply_patches
