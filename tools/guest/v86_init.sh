#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# v86_init.sh - the first program of the guest: network card, web server, commands from the serial line
#
# A line on the serial line is run as a command, and answered with "@@STATUS". Kernel parameters:
# ringstack.ip=CIDR (default 192.168.1.2/24), ringstack.start=SCRIPT (which sets up the card, and does the rest instead).
# shellcheck shell=dash
/bin/busybox --install -s /bin
export PATH=/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
hostname guest
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci \
    failover net_failover virtio_net 8390 ne2k-pci sch_netem; do
    insmod /lib/$module.ko
done
ip=192.168.1.2/24
start=
read -r parameters </proc/cmdline
for parameter in $parameters; do
    case $parameter in
    ringstack.ip=*) ip=${parameter#*=} ;;
    ringstack.start=*) start=${parameter#*=} ;;
    esac
done
ip link set lo up
[ -n "$start" ] || { ip addr add "$ip" dev eth0 && ip link set eth0 up; }
# Content of transfers: 1 MiB that cannot be compressed.
dd if=/dev/urandom of=/tmp/random bs=64k count=16 2>/dev/null
httpd -h /srv
# Zeros where booting has left something in memory that is free, for smaller states. Some MiB stay out of it.
free=$(sed -n 's/^MemFree: *\([0-9]*\) kB/\1/p' /proc/meminfo)
mkdir /zero
mount -t tmpfs -o "size=$((free - 8192))k" zero /zero
dd if=/dev/zero of=/zero/all bs=64k 2>/dev/null
umount /zero
stty -echo -F /dev/ttyS0
exec </dev/ttyS0 >/dev/ttyS0 2>&1
[ -z "$start" ] || exec sh "$start"
echo @@ready
while read -r line; do
    eval "$line"
    echo "@@$?"
done
