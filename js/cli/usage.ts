// SPDX-License-Identifier: MIT
// usage - what the command takes, its help, and its exit codes

/** Exit codes. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** A mistake in the arguments: its message, and exit code 2. */
export class UsageError extends Error {}

/** The help of each command; '' is that of all. */
export const HELP: Readonly<Record<string, string>> = {
  '': `Usage: ringstack COMMAND [OPTION]...

A network for virtual machines, containers and namespaces, without root.

Commands:
  net     run a network: DHCP, DNS, a gateway, forwarded ports
  bridge  join links, so that their guests are on one network
  ping    send echo requests to a host of a link
  dig     ask a name server
  bench   measure the stack on this computer

Options:
  -h, --help     show this help, or that of a command
  -V, --version  show the version

Exit status: 0 success, 1 failure, 2 wrong usage.
`,
  net: `Usage: ringstack net [OPTION]...

Runs a network until it is interrupted. Guests get addresses by DHCP, find each other by name, and reach public
addresses. Options that are marked * may be given several times.

Guests:
  --qemu WHERE      * listen for guests: unix:PATH, or [HOST:]PORT. QEMU:
                      -netdev stream,id=n,server=off,addr.type=unix,addr.path=PATH -device virtio-net-pci,netdev=n
  --tap NAME        * plug in a tap device of Linux, NAME or NAME@NAMESPACE (needs root)
  --cidr CIDR         IPv4 network; its first address is the gateway [10.0.0.0/24]
  --cidr6 CIDR        IPv6 network of /64, or none [fd00:5253::/64]
  --mtu BYTES         MTU of the guests [1500]
  --host NAME=IP    * a name that guests may look up
  --domain NAME       names of guests are below it [internal]

Way in and way out:
  --forward PORTS   * [ADDRESS:]PORT:[GUEST:]PORT[/udp], for example 127.0.0.1:2222:22
                      auto[:PORT,FROM-TO]: ports at which the first guest listens, at 127.0.0.1
  --allow DEST      * only these destinations: CIDR, NAME, *.NAME or *, with :PORT or :PORT-PORT behind it
  --deny DEST       * not these destinations
  --override WHAT   * open a part of the floor: private, loopback, link-local, multicast, reserved, metadata, or a CIDR
  --on-deny HOW       how denied connections end: prohibited, refused, unreachable, drop [prohibited]
  --offline           no way out
  --dns IP[:PORT]   * name servers for other names [those of this computer]

Output:
  --pcap FILE         write all frames to FILE, for Wireshark
  --status            show guests, flows and rates, once a second
  --json              write events as lines of JSON
  -q, --quiet         write errors only
  -h, --help          show this help
`,
  bridge: `Usage: ringstack bridge [OPTION]...

Joins links until it is interrupted: a learning switch, without addresses, names and a way out. Options that are
marked * may be given several times; at least one link must be given.

Options:
  --qemu WHERE      * listen for guests: unix:PATH, or [HOST:]PORT, as of ringstack net
  --tap NAME        * plug in a tap device of Linux, NAME or NAME@NAMESPACE (needs root)
  --guard             guests may not be DHCP servers or routers
  --mtu BYTES         MTU of the links [1500]
  --pcap FILE         write all frames to FILE, for Wireshark
  --status            show ports and addresses, once a second
  --json              write events as lines of JSON
  -q, --quiet         write errors only
  -h, --help          show this help
`,
  bench: `Usage: ringstack bench [OPTION]...

Measures one TCP connection between two stacks of this computer, on one thread: bytes a second, round trips, connects.

Options:
  --seconds N         time of each measurement [2]
  --mtu BYTES         MTU of the wire between them [1500]
  --json              write the results as JSON
  -h, --help          show this help
`,
  ping: `Usage: ringstack ping [OPTION]... HOST

Sends echo requests to a host of a link, from a stack of its own.

Options:
  --tap NAME          use a tap device of Linux, NAME or NAME@NAMESPACE (needs root)
  --qemu WHERE        connect to a link of QEMU: unix:PATH, or [HOST:]PORT
  --ip CIDR           address of the stack; without it, one by DHCP
  --gateway IP        router for hosts that are not on the link
  -c, --count N       end after N replies or losses [4]
  -W, --timeout MS    time to wait for each reply [1000]
  --json              write results as lines of JSON
  -h, --help          show this help

Exit status: 1 if no reply came.
`,
  dig: `Usage: ringstack dig [OPTION]... [@SERVER[:PORT]] NAME [TYPE]

Asks a name server; without one, those of this computer.

Options:
  --timeout MS        time for each try [2000]
  --short             write the data of the answers alone
  --json              write the response as JSON
  -h, --help          show this help

Exit status: 1 if there is no answer, or an error in it.
`,
};
