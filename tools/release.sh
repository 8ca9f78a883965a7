#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/release.sh - builds, tests, packs and checks a release from a clean clone; publishes nothing
#
# usage: tools/release.sh [--dry-run]
#
# Wants a clean tree, a tag v<version> at HEAD and a section of that version in CHANGELOG.md. Everything
# is done in a clone in a temporary folder, so that what is not committed cannot be in it. The tarball that
# was tested is the one that is left, in build/release/; its hash and the command that publishes it are
# printed last.
#
# --dry-run looks at neither tag nor changelog and leaves out `make test` and `make check`, and says so;
# what it leaves is called untested.
set -eu

die() {
    printf '%s\n' "release: $*" >&2
    exit 1
}
step() { printf '%s\n' "release: $*"; }

dry=
case ${1:-} in
'') ;;
--dry-run) dry=yes ;;
*) die "unknown option $1; usage: tools/release.sh [--dry-run]" ;;
esac

cd "$(git rev-parse --show-toplevel)"
version=$(node -p 'require("./package.json").version')

[ -z "$(git status --porcelain)" ] || die "the tree is not clean; commit or stash what git status shows"
if [ -z "$dry" ]; then
    git tag --points-at HEAD | grep -qx "v$version" ||
        die "HEAD has no tag v$version, which is the version of package.json"
    grep -q "^## \[$version\] - [0-9]\{4\}-[0-9][0-9]-[0-9][0-9]$" CHANGELOG.md ||
        die "CHANGELOG.md has no section '## [$version] - YYYY-MM-DD'"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
clone=$folder/ringstack
step "cloning $(git rev-parse --short HEAD)"
git clone --quiet --no-hardlinks . "$clone"

step 'building'
# Slow to fetch, and lwip/fetch.sh verifies it: lwIP's source as published.
[ ! -d build/lwip/pristine ] || { mkdir -p "$clone/build/lwip" && cp -R build/lwip/pristine "$clone/build/lwip/"; }
make -s -C "$clone" setup
make -s -C "$clone"
if [ -z "$dry" ]; then
    step 'testing and checking'
    make -s -C "$clone" test
    make -s -C "$clone" check
fi
step 'packing, and testing the package'
make -s -C "$clone" test-package
make -s -C "$clone" size
[ -z "$(git -C "$clone" status --porcelain)" ] || die 'building and testing changed what is committed'

tarball=$clone/build/package/ringstack.tgz
packed=$(tar xOzf "$tarball" package/package.json |
    node -p 'const { name, version } = JSON.parse(require("fs").readFileSync(0)); name + " " + version')
[ "$packed" = "ringstack $version" ] || die "the tarball is $packed, not ringstack $version"

mkdir -p build/release
file=build/release/ringstack-$version${dry:+-untested}.tgz
cp "$tarball" "$file"
step "$(sha256sum "$file")"
if [ -n "$dry" ]; then
    step 'dry run without tag, changelog, make test and make check; this file is not for publishing'
else
    step "all is well; to publish: npm publish $file"
fi
