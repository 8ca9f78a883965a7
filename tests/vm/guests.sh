#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/vm/guests.sh - guests from Debian's packages, unpacked and not installed, in build/vm
#
#   guest/vmlinuz guest/initrd   the newest of Debian's cloud kernels for amd64; busybox, tc, iperf3, wg, a virtio network card
#   uml/linux uml/initrd         User-mode Linux, with the same programs
#   ipxe/ipxe.lkrn               iPXE as a kernel image
#   resolved/                    systemd-resolved and resolvectl; installed, they would take over /etc/resolv.conf
#
# Existing guests are not made again; remove a folder for newer ones. The exit status is 1 if one could not be fetched;
# the others are there all the same.
set -u
cd "$(dirname "$0")/../.."
vm=$PWD/build/vm
work=$vm/guests.part
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT

# Unpacks a package into a folder: unpack PACKAGE FOLDER
unpack() {
    [ ! -e "$work/$2" ] || return 0
    mkdir -p "$work/deb/$2"
    (cd "$work/deb/$2" && apt-get -qq download "$1" 2>/dev/null) && dpkg-deb -x "$work/deb/$2/"*.deb "$work/$2"
}

# Modules of WireGuard, in the order in which they need each other.
wireguard='udp_tunnel ip6_udp_tunnel libcurve25519-generic curve25519-x86_64 libcurve25519 libchacha chacha-x86_64'
wireguard="$wireguard libpoly1305 poly1305-x86_64 libchacha20poly1305 wireguard"

# Makes an initramfs whose modules are found below a folder, in the order in which they need each other. Those of WireGuard
# are there too, and /bin/load-wireguard loads them: initramfs FOLDER FILE MODULE...
initramfs() (
    set -e
    kernel=$1 file=$2
    shift 2
    root=$work/root
    rm -rf "$root"
    mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/lib/modules" "$root/usr/sbin"
    cp "$work/busybox/bin/busybox" "$root/bin/"
    for module in "$@" $wireguard; do
        find "$kernel" -name "$module.ko" -exec cp {} "$root/lib/modules/" \;
    done
    # busybox's tc, which its shell prefers, knows no netem: this one is called by its path.
    for program in tc iperf3 wg; do
        path=$(command -v "$program" || echo "/usr/sbin/$program")
        [ -e "$path" ] || continue
        cp -L "$path" "$root/usr/sbin/"
        for library in $(ldd "$path" | tr -s '[:space:]' '\n' | grep '^/'); do
            mkdir -p "$root$(dirname "$library")"
            cp -L "$library" "$root$library"
        done
    done
    cat >"$root/init" <<END
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $*; do
    [ ! -e /lib/modules/\$module.ko ] || insmod /lib/modules/\$module.ko
done
[ ! -d /proc/sys/net/ipv6 ] || sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
ip link set lo up
stty -echo -onlcr
echo "guest is ready"
while true; do setsid cttyhack sh; done
END
    cat >"$root/bin/load-wireguard" <<END
#!/bin/busybox sh
for module in $wireguard; do
    insmod /lib/modules/\$module.ko || exit 1
done
END
    chmod 755 "$root/init" "$root/bin/load-wireguard"
    (cd "$root" && find . | "$work/busybox/bin/busybox" cpio -o -H newc 2>/dev/null) | gzip -1 >"$file"
)

# Puts files into a folder of build/vm, all of them or none: keep FOLDER FILE...
keep() {
    folder=$1
    shift
    rm -rf "${vm:?}/$folder"
    mkdir -p "$work/keep/$folder" && cp "$@" "$work/keep/$folder/" && mv "$work/keep/$folder" "$vm/$folder"
}

guest() {
    image=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    unpack "$image" kernel && unpack busybox-static busybox || return 1
    initramfs "$work/kernel" "$work/initrd" virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci \
        failover net_failover virtio_net sch_netem || return 1
    mv "$work/kernel/boot/"vmlinuz-* "$work/vmlinuz" && keep guest "$work/vmlinuz" "$work/initrd"
}

uml() {
    unpack user-mode-linux uml && unpack busybox-static busybox || return 1
    initramfs "$work/uml" "$work/initrd" crc-ccitt ipv6 sch_netem || return 1
    mv "$work/uml/usr/bin/linux.uml" "$work/linux" && keep uml "$work/linux" "$work/initrd"
}

ipxe() {
    unpack ipxe ipxe && keep ipxe "$work/ipxe/boot/ipxe.lkrn"
}

resolved() {
    unpack systemd-resolved resolved &&
        keep resolved "$work/resolved/lib/systemd/systemd-resolved" "$work/resolved/usr/bin/resolvectl"
}

status=0
missing() {
    echo "test-vm: $1 could not be fetched from Debian's packages"
    status=1
}
# One that was made before had no WireGuard.
zcat "$vm/guest/initrd" 2>/dev/null | grep -q '/wireguard\.ko' || guest || missing 'the guest of QEMU'
# One that was made before had no IPv6.
zcat "$vm/uml/initrd" 2>/dev/null | grep -q '/crc-ccitt\.ko' || uml || missing 'User-mode Linux'
[ -d "$vm/ipxe" ] || ipxe || missing iPXE
[ -d "$vm/resolved" ] || resolved || missing systemd-resolved
exit "$status"
