#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# v86_tc.sh - /sbin/tc of the guest: iproute2's, unpacked when it is first called
#
# It has to be called by its path: busybox has a tc of its own, which knows no netem.
# shellcheck shell=dash
tc=/tmp/tc
[ -d $tc ] || { mkdir $tc && cd $tc && gunzip -c /lib/tc.cpio.gz | cpio -i 2>/dev/null; } || exit
exec $tc/ld-linux.so.2 --library-path $tc $tc/tc "$@"
