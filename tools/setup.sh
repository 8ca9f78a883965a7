#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/setup.sh - installs what a machine lacks to build, test and check this project
#
# usage: tools/setup.sh [--check] GROUP...
#
#   source   what lwip/fetch.sh uses          wasm    emcc 3.1.6 or newer
#   js       Node 20 or newer, npm            native  make, a C compiler with sanitizers, Check
#   lint     clang-format, clang-tidy, shellcheck
#   fuzz     clang with libFuzzer and sanitizers, llvm-cov
#   bench    hyperfine, which only `make bench-compare` uses
#   browsers Chromium and Firefox, as tools/page/browsers.mjs looks for them
#   webkit   on Linux: WebKitGTK's driver, and Xvfb, which shows it to nobody
#   guest    what the page with a VM keeps its guest with: zstd
#   vm       QEMU, tshark and the programs of tests/vm; tests that need them are skipped without
#
# On Debian and its kin the missing packages are installed with apt-get (through sudo unless root);
# elsewhere, and with --check, one line says what to install and the exit status is 1. Says nothing
# when nothing is missing.
set -eu

have() { command -v "$1" >/dev/null 2>&1; }
die() {
    printf '%s\n' "setup: $*" >&2
    exit 1
}

# True if version $1 is at least version $2 (three numbers at most; what follows them is ignored).
at_least() {
    awk -v have="$1" -v want="$2" 'BEGIN {
        split(have, h, /[^0-9]+/); split(want, w, /[^0-9]+/)
        for (i = 1; i <= 3; i++) if (h[i] + 0 != w[i] + 0) exit !(h[i] + 0 > w[i] + 0)
    }'
}

emcc_ok() {
    have "${EMCC:-emcc}" || return 1
    at_least "$("${EMCC:-emcc}" --version 2>/dev/null | sed -n '1s/.*) \([0-9][0-9.]*\).*/\1/p')" 3.1.6
}

node_ok() {
    have node && at_least "$(node --version | tr -d v)" 20
}

# Asks the compiler itself: it knows where headers and libraries lie.
links() {
    # shellcheck disable=SC2086  # a list of flags
    printf '%s\n' "$1" | ${CC:-cc} -x c - -o /dev/null $2 >/dev/null 2>&1
}
check_flags() {
    pkg-config --cflags --libs check 2>/dev/null || echo '-lcheck -lsubunit -lm -lrt -pthread'
}

# Prints what is missing: lines of "Debian package|Homebrew package|what it is".
missing() {
    for group; do
        case $group in
        source)
            have patch || echo 'patch|gpatch|patch'
            have xz || echo 'xz-utils|xz|xz'
            ;;
        wasm)
            emcc_ok || echo 'emscripten|emscripten|emcc 3.1.6 or newer'
            ;;
        js)
            node_ok || echo 'nodejs|node|Node 20 or newer'
            have npm || echo 'npm|node|npm'
            ;;
        native)
            have make || echo 'make|make|make'
            if ! links 'int main(void) { return 0; }' '-fsanitize=address,undefined' ||
                ! links 'int main(void) { return 0; }' '-fsanitize=thread'; then
                echo 'gcc|gcc|a C compiler with sanitizers'
                links '#include <stdlib.h>
int main(void) { return 0; }' '' || echo 'libc6-dev||the C library headers'
            fi
            links '#include <check.h>
int main(void) { return 0; }' "$(check_flags)" || echo 'check|check pkgconf|the library Check'
            ;;
        lint)
            have clang-format-14 || have clang-format || echo 'clang-format|llvm|clang-format'
            have clang-tidy-14 || have clang-tidy || echo 'clang-tidy|llvm|clang-tidy'
            have shellcheck || echo 'shellcheck|shellcheck|shellcheck'
            ;;
        fuzz)
            printf '%s\n' 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' |
                "$(command -v clang-14 || echo clang)" -x c - -o /dev/null -fsanitize=fuzzer,address,undefined \
                    >/dev/null 2>&1 || echo 'clang libclang-rt-dev|llvm|clang with libFuzzer'
            have llvm-cov-14 || have llvm-cov || echo 'llvm|llvm|llvm-cov'
            ;;
        bench)
            have hyperfine || echo 'hyperfine|hyperfine|hyperfine'
            ;;
        browsers)
            [ -x "${CHROMIUM:-}" ] || have chromium || have google-chrome ||
                [ -d '/Applications/Google Chrome.app' ] ||
                echo 'chromium|--cask google-chrome|Chromium'
            [ -x "${FIREFOX:-}" ] || have firefox-esr || have firefox || [ -d /Applications/Firefox.app ] ||
                echo 'firefox-esr|--cask firefox|Firefox'
            ;;
        webkit)
            if have apt-get; then
                have WebKitWebDriver || echo 'webkit2gtk-driver||WebKitWebDriver'
                have Xvfb || echo 'xvfb||Xvfb'
            fi
            ;;
        guest)
            # Of the page with a VM; Debian's packages are the rest.
            have zstd || echo 'zstd|zstd|zstd'
            ;;
        vm)
            # Linux's own TCP, what talks to it, and guests.
            have qemu-system-x86_64 || echo 'qemu-system-x86||qemu-system-x86_64'
            have ip || echo 'iproute2||ip'
            have sysctl || echo 'procps||sysctl'
            for program in curl nginx wrk iperf3 redis-server openssl; do
                package=$program
                [ "$program" != nginx ] || package=nginx-light
                [ "$(command -v "$program" || command -v "/usr/sbin/$program")" ] || echo "$package||$program"
            done
            have tshark || echo 'tshark|wireshark|tshark'
            # Programs that use UDP and ICMP; name servers, and their clients; DHCP, IPv6 routers, mDNS, time.
            for pair in socat:socat ping:iputils-ping traceroute:traceroute unbound:unbound named:bind9 nsd:nsd \
                knotd:knot pdns_recursor:pdns-recursor dhcpd:isc-dhcp-server dhcrelay:isc-dhcp-relay \
                dnsmasq:dnsmasq-base fping:fping tracepath:iputils-tracepath mtr:mtr-tiny nmap:nmap tftp:tftp-hpa \
                snmpd:snmpd chronyd:chrony gtlsclient:ngtcp2-client gtlsserver:ngtcp2-server dig:bind9-dnsutils \
                dnssec-signzone:bind9-utils kdig:knot-dnsutils drill:ldnsutils dnsperf:dnsperf udhcpc:udhcpc smcrouted:smcroute igmpproxy:igmpproxy dhcpig:dhcpig \
                dhclient:isc-dhcp-client dhcpcd:dhcpcd-base perfdhcp:kea-admin rdisc6:ndisc6 arping:arping \
                macof:dsniff trafgen:netsniff-ng tcpreplay:tcpreplay yersinia:yersinia \
                wireguard-go:wireguard-go wg:wireguard-tools slirp4netns:slirp4netns pasta:passt \
                turnutils_natdiscovery:coturn wget:wget git:git ssh:openssh-client sshd:openssh-server \
                dropbear:dropbear-bin kea-dhcp4:kea-dhcp4-server radvd:radvd avahi-daemon:avahi-daemon \
                avahi-browse:avahi-utils dbus-daemon:dbus-daemon ntpdig:ntpsec-ntpdig ab:apache2-utils \
                h2load:nghttp2-client siege:siege slowhttptest:slowhttptest; do
                program=${pair%:*}
                [ "$(command -v "$program" || command -v "/usr/sbin/$program")" ] ||
                    echo "${pair#*:}||$program"
            done
            [ -e /lib/systemd/systemd-networkd ] || echo 'systemd||systemd-networkd'
            [ -e /usr/lib/ipxe/qemu/efi-virtio.rom ] || echo 'ipxe-qemu||iPXE of QEMU'
            [ -d /usr/lib/python3/dist-packages/zeroconf ] || echo 'python3-zeroconf||zeroconf of Python'
            [ -d /usr/lib/python3/dist-packages/websockets ] || echo 'python3-websockets||websockets of Python'
            ;;
        servers)
            # Servers for libraries of Node that talk over a stack.
            for pair in redis-server:redis-server openssl:openssl setpriv:util-linux; do
                have "${pair%:*}" || echo "${pair#*:}||${pair%:*}"
            done
            ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || echo 'postgresql||postgres'
            ;;
        *) die "no such group: $group" ;;
        esac
    done | sort -u
}

field() { printf '%s\n' "$lacks" | cut -d'|' -f"$1" | grep . | sort -u | paste -sd' ' -; }

# One line: what is missing and the command that installs it.
tell() {
    what=$(printf '%s\n' "$lacks" | cut -d'|' -f3 | paste -sd, - | sed 's/,/, /g')
    if have brew; then
        printf '%s\n' "missing: $what; install with: brew install $(field 2)"
    else
        printf '%s\n' "missing: $what; install with: apt-get install $(field 1)"
    fi
}

only_check=
if [ "${1:-}" = --check ]; then
    only_check=yes
    shift
fi
lacks=$(missing "$@")
[ -n "$lacks" ] || exit 0
if [ -n "$only_check" ] || ! have apt-get; then
    die "$(tell)"
fi

sudo=
if [ "$(id -u)" -ne 0 ]; then
    have sudo || die "$(tell) (as root)"
    sudo=sudo
fi
log=$(mktemp)
policy=
trap 'rm -f "$log"; [ -z "$policy" ] || $sudo rm -f "$policy"' EXIT
# Servers that are installed for tests must not start.
case " $* " in
*' vm '* | *' servers '*)
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
        $sudo chmod 755 "$policy"
    fi
    ;;
esac
apt() {
    # shellcheck disable=SC2086  # empty when root
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null >>"$log" 2>&1
}
packages=$(field 1)
printf '%s\n' "setup: installing with apt-get: $packages"
# The lists may be missing or too old for what the archive holds now.
# shellcheck disable=SC2086  # a list of packages
if ! apt install -y --no-install-recommends $packages; then
    if ! apt update || ! apt install -y --no-install-recommends $packages; then
        tail -n 15 "$log" >&2
        die "apt-get could not install: $packages"
    fi
fi
lacks=$(missing "$@")
[ -z "$lacks" ] || die "what this system's archive has is too old; $(tell)"
