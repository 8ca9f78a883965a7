#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/vm/guests.sh - a Linux guest from Debian's packages, unpacked and not installed, in build/vm/guest
#
# A kernel (vmlinuz) and an initramfs with busybox, tc and the modules of a virtio network card. The newest of
# Debian's cloud kernels for amd64. Nothing is done when both are there; remove build/vm/guest for newer ones.
set -eu
cd "$(dirname "$0")/../.."
out=$PWD/build/vm/guest
[ ! -e "$out/initrd" ] || exit 0
work=$out.part
rm -rf "$work" "$out"
mkdir -p "$work/deb" "$work/kernel" "$work/root"
trap 'rm -rf "$work"' EXIT

kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
(cd "$work/deb" && apt-get -qq download "$kernel" busybox-static 2>/dev/null)
dpkg-deb -x "$work"/deb/linux-image-*.deb "$work/kernel"
dpkg-deb -x "$work"/deb/busybox-static_*.deb "$work/busybox"

root=$work/root
mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/lib/modules"
cp "$work/busybox/bin/busybox" "$root/bin/"
# In the order in which they need each other.
modules='virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net sch_netem'
for module in $modules; do
    find "$work/kernel" -name "$module.ko" -exec cp {} "$root/lib/modules/" \;
done
# busybox's tc, which its shell prefers, knows no netem: this one is called by its path.
tc=$(command -v tc || echo /usr/sbin/tc)
mkdir -p "$root/usr/sbin"
cp -L "$tc" "$root/usr/sbin/tc"
for file in $(ldd "$tc" | tr -s '[:space:]' '\n' | grep '^/'); do
    mkdir -p "$root$(dirname "$file")"
    cp -L "$file" "$root$file"
done
cat >"$root/init" <<END
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $modules; do
    [ ! -e /lib/modules/\$module.ko ] || insmod /lib/modules/\$module.ko
done
sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
ip link set lo up
stty -echo -onlcr
echo "guest is ready"
while true; do setsid cttyhack sh; done
END
chmod 755 "$root/init"
(cd "$root" && find . | "$work/busybox/bin/busybox" cpio -o -H newc 2>/dev/null) | gzip -1 >"$work/initrd"
mkdir -p "$out"
cp "$work"/kernel/boot/vmlinuz-* "$out/vmlinuz"
mv "$work/initrd" "$out/initrd"
