// SPDX-License-Identifier: MIT
// rules - the house rules of DESIGN.md and STYLE.md that are data

/** Modules that every layer of js/ may import. */
const BASE = ['abi', 'errors', 'api/*', 'util/*'];

/** The lower half of link/: facts, rules, copies and waits that its other modules share. */
const LINK_BASE = [
  ...['link/types', 'link/endpoint_types', 'link/options', 'link/frame_copy', 'link/shape'],
  'link/retry',
];

/**
 * Which module of js/ may import which. Names are paths below js/ without the extension; '*' stands
 * for anything; 'type x' allows `import type` only. The first key that fits a module counts, and a
 * module that fits none is a violation, so this table is the map of js/, lowest layer first. A folder
 * may import itself, but there is no cycle. A face (ring.ts, streams.ts) is a layer with its folder.
 */
export const JS_EDGES: Readonly<Record<string, readonly string[]>> = {
  abi: [],
  errors: ['abi'],
  'api/*': ['api/*'],
  'util/*': ['errors', 'util/*'],
  'runtime/*': [...BASE, 'runtime/*', 'workers/*'],
  'memory/*': [...BASE, 'runtime/*', 'memory/*'],
  'ring*': [...BASE, 'type memory/*', 'ring*'],
  'sched/*': [...BASE, 'type memory/*', 'sched/*'],
  'control/*': [...BASE, 'memory/*', 'ring', 'sched/*', 'control/*'],
  // It makes an instance of its own beside that of the thread.
  'engine/worker': [...BASE, 'type runtime/*', 'memory/*', 'sched/*', 'engine/*'],
  'engine/*': [...BASE, 'type runtime/*', 'type memory/*', 'sched/*', 'engine/*'],
  'workers/service_worker': ['http/worker/*'],
  'workers/*': ['abi', 'runtime/builtin', 'memory/instance', 'sched/*', 'type engine/*'],
  'streams*': [...BASE, 'type memory/*', 'ring', 'sched/*', 'streams*'],
  // A bridge plugs endpoints into its ports, and has the loop guard of switches.
  'stack/bridge*': [
    ...BASE,
    'ring',
    'sched/*',
    'control/*',
    'link/connect',
    'link/shape',
    'link/switch_loop',
    'type link/types',
    'stack/*',
  ],
  // Taps that the network configures: the first of them loads these clients, which see no stack themselves.
  'stack/configure': ['errors', 'util/*', 'type api/*', 'link/connect', 'stack/configure_*'],
  'stack/configure_dhcp': ['type *', 'dhcp/request', 'stack/learned_names'],
  'stack/configure_slaac': ['type *', 'dhcp/solicit', 'stack/learned_names'],
  'stack/learned_names': ['type *', 'dns/client', 'util/host_name'],
  // The resolver of a stack: the first name that is looked up loads it.
  'stack/embedded_resolver': ['errors', 'util/*', 'type *', 'dns/client', 'mdns/create'],
  // Its rings have streams of frames, which the main entry does not need.
  'stack/ring_interface': ['streams/frame_*', 'stack/*', ...BASE, 'ring', 'control/*', 'streams'],
  'stack/*': [
    ...BASE,
    'runtime/*',
    'memory/*',
    'ring',
    'control/*',
    'engine/*',
    'streams',
    'workers/*',
    'stack/*',
  ],
  'codec/*': ['errors', 'util/*', 'codec/*'],
  // No adapter sees a stack: it plugs into any endpoint. Lowest first.
  'link/types': [],
  'link/endpoint_types': ['link/types'],
  'link/options': ['util/*', 'type link/*_types'],
  'link/frame_copy': ['util/*'],
  'link/shape': ['errors', 'type api/*', 'type link/types'],
  'link/retry': ['sched/*', 'type link/types'],
  'link/endpoint': ['errors', 'util/*', ...LINK_BASE],
  'link/plugs': ['util/*', 'sched/*', 'type api/*', ...LINK_BASE],
  'link/wrap': ['util/*', 'link/endpoint', 'link/plugs', ...LINK_BASE],
  'link/connect': ['errors', 'util/*', 'type api/*', 'link/plugs', ...LINK_BASE],
  'link/sessions': ['errors', 'util/*', 'link/endpoint', ...LINK_BASE],
  'link/byte_session': [
    ...['errors', 'codec/framing', 'util/*', 'sched/*', 'link/frame_copy', 'type link/sessions'],
  ],
  'link/switch*': [
    ...['errors', 'codec/fields', 'util/*', 'sched/*', 'link/plugs', 'link/switch_*', ...LINK_BASE],
  ],
  'link/link': ['link/*'],
  'link/filter/*': [
    ...['errors', 'util/*', 'sched/*', 'codec/pcapng', 'link/wrap', 'link/filter/*', ...LINK_BASE],
  ],
  'link/adapter/*': [
    ...['errors', 'util/*', 'sched/*', 'runtime/builtin', 'type api/*', 'link/endpoint'],
    ...['link/connect', 'link/sessions', 'link/byte_session', 'link/adapter/*', ...LINK_BASE],
  ],
  // A service sees a transport, never a stack.
  'dhcp/*': ['errors', 'api/*', 'util/*', 'codec/*', 'dhcp/*'],
  'dns/*': ['errors', 'api/*', 'util/*', 'codec/*', 'dns/*'],
  // fetch() as a way out: an HTTP server for guests, and a client of proxies.
  'gateway/fetch_*': [
    ...['errors', 'api/*', 'util/*', 'codec/*', 'gateway/*', 'type http/types'],
    ...['http/server_connection', 'http/byte_source'],
  ],
  'gateway/*': ['errors', 'runtime/builtin', 'api/*', 'util/*', 'codec/*', 'gateway/*'],
  // Sockets as other platforms have them. HTTP and DNS are loaded when they are needed.
  'shapes/*': [
    ...['errors', 'type api/*', 'util/*', 'type codec/*', 'type http/*', 'http/transport'],
    ...['http/http', 'dns/dns', 'shapes/*'],
  ],
  'http/worker/*': [
    ...['util/*', 'http/worker/*', 'http/page/messages', 'http/page/port_stream'],
    'http/page/locks',
  ],
  'http/*': ['errors', 'runtime/builtin', 'util/*', 'codec/*', 'http/*', 'type api/*'],
  // All of it in one call.
  'network/*': [
    ...[
      'errors',
      'api/*',
      'util/*',
      'index',
      'link/*',
      'dhcp/*',
      'dns/*',
      'gateway/*',
      'network/*',
    ],
  ],
  // A program: it loads entries, each when it is needed.
  'cli/*': [
    ...['index', 'link/link', 'link/adapter/*', 'link/filter/pcap', 'dhcp/dhcp', 'dns/dns'],
    ...['gateway/gateway', 'network/network', 'cli/*'],
  ],
  'services/*': ['errors', 'api/*', 'util/*', 'codec/*', 'services/*'],
  'mdns/*': ['errors', 'api/*', 'util/*', 'codec/*', 'mdns/*'],
  index: ['errors', 'api/*', 'memory/default_arena', 'stack/*'],
};

/** Which modules of js/ may import what is not ours. Everything else runs in a browser as it is. */
export const JS_EXTERNAL: Readonly<Record<string, readonly string[]>> = {
  'runtime/builtin': [
    'node:dgram',
    'node:dns',
    'node:fs/promises',
    'node:net',
    'node:worker_threads',
    'node:zlib',
  ],
  // A device of Linux: never in a browser.
  'link/adapter/linux_tap/*': ['node:*'],
  'link/*': ['type node:*'],
  // A program of Node, Deno and Bun.
  'cli/*': ['node:*'],
  'gateway/*': ['type node:*'],
};

/**
 * Of a package below packages/: what its modules may import of js/, which is bundled. All else comes from the public API, so that
 * it works with the package as it is installed.
 */
export const PACKAGE_IMPORTS: readonly string[] = [
  'js/errors.ts',
  'js/util/*',
  'js/sched/scheduler.ts',
];

/** Packages that are for Node, and may import its modules. */
export const NODE_PACKAGES: readonly string[] = ['packages/node'];

/** Files that all of core/ may include, and those that all above channels may. */
const C_BASE = ['abi', 'mem/*', 'util/*'];
const C_LINK = [...C_BASE, 'ring', 'ring_resize', 'doorbell', 'lwip_port', 'channel'];
/** Layers below a protocol: interfaces, our side of lwIP, and what all sockets have in common. */
const C_PROTOCOL = [...C_LINK, 'iface/*', 'lwext/*', 'sock/sock*', 'sock/ring_storage'];
/** The files of TCP from the bottom up: each may include those before it. */
const TCP = ['tcp_sock', 'tcp_rings', 'tcp_data', 'tcp', 'tcp_bind', 'tcp_open', 'tcp_listen'].map(
  (name) => `sock/${name}`,
);

/** The same of UDP and ICMP. */
const DGRAM = [
  'dgram_sock',
  'dgram_table',
  'dgram_in',
  'flow',
  'ip_send',
  'tcp_icmp',
  'udp',
  'icmp',
  'dgram_out',
  'dgram',
].map((name) => `sock/${name}`);

/**
 * Same for C, lowest layer first: paths below core/ without the extension, and those of lwip/ in full, where
 * x.c and x.h are one. A file may include itself. No interface and nothing of lwext/ sees a socket.
 */
export const C_EDGES: Readonly<Record<string, readonly string[]>> = {
  abi: [],
  abi_gen: ['abi'],
  'mem/*': ['abi', 'mem/*'],
  'util/*': ['abi'],
  'lwip/*': ['abi', 'util/*'],
  doorbell: C_BASE,
  ring_resize: C_BASE,
  ring: [...C_BASE, 'doorbell', 'ring_resize'],
  channel: [...C_BASE, 'doorbell', 'ring'],
  lwip_port: C_BASE,
  'iface/*': [...C_LINK, 'iface/*'],
  'lwext/timers': [...C_LINK, 'iface/*', 'lwext/*'],
  'lwext/*': [...C_LINK, 'iface/ringif', 'lwext/*'],
  'sock/ring_storage': C_LINK,
  'sock/sock*': [...C_LINK, 'sock/sock*', 'sock/ring_storage'],
  ...Object.fromEntries(TCP.map((name, i) => [name, [...C_PROTOCOL, ...TCP.slice(0, i)]])),
  ...Object.fromEntries(
    DGRAM.map((name, i) => [
      name,
      [...C_PROTOCOL, 'sock/tcp', 'sock/tcp_data', ...DGRAM.slice(0, i)],
    ]),
  ),
  'sock/protocol': [...C_BASE, 'sock/*'],
  change: [...C_LINK, 'iface/*', 'sock/protocol'],
  command: [...C_LINK, 'iface/*', 'sock/sock*', 'sock/protocol', 'change'],
  loop: [...C_LINK, 'iface/*', 'lwext/*', 'sock/sock*', 'sock/protocol', 'command'],
  main: [...C_LINK, 'iface/*', 'lwext/*', 'sock/protocol', 'command', 'loop'],
};

/** System headers, for those that may not include what they like. */
export const C_SYSTEM: Readonly<Record<string, readonly string[]>> = {
  abi: ['stdatomic.h', 'stddef.h', 'stdint.h'],
};

/** Files that may include lwIP's headers. */
export const LWIP_USERS = [
  'lwip_port',
  'iface/*',
  'lwext/*',
  'sock/tcp*',
  ...DGRAM,
  'loop',
  'main',
];

/** Lines at the most. */
export const MAX_LINES = { c: 600, ts: 400, function: 60 };

/** Files that no person reads or writes, and whose length says nothing. */
export const GENERATED = ['js/abi.ts'];

/** A file whose one function is sent as text, so that it has to have everything in it. */
export const SENT_AS_TEXT = ['js/http/worker/frame.ts'];

/** Files in which every atomic carries its letter; letters are defined in the heads of `diagrams`. */
export const ATOMICS = {
  diagrams: ['core/ring.h', 'core/ring_resize.h', 'core/doorbell.h'],
  files: [
    'core/ring.h',
    'core/ring.c',
    'core/ring_resize.h',
    'core/ring_resize.c',
    'core/doorbell.c',
    'core/sock/ring_storage.c',
    'js/ring/ends.ts',
    'js/ring/byte.ts',
    'js/ring/frame.ts',
  ],
};

/** Names that a block of documentation may use without declaring them; it is then only type-checked. */
export const EXAMPLE_NAMES: Readonly<Record<string, string>> = {
  stack: 'NetworkStack',
  connection: 'TcpConnection',
  listener: 'TcpListener',
  tap: 'TapInterface',
  tun: 'TunInterface',
};

/** The documents: these files, and all Markdown of these folders. */
export const DOCUMENTS = {
  files: ['README.md', 'bench/README.md', 'examples/README.md', 'packages/wireguard/README.md'],
  dirs: ['docs'],
};

/**
 * Treatment of the fenced blocks of each language; a block of any other language is a violation.
 * Whatever the language, isolation headers in a block must be those of tools/page/serve.mjs, both of them.
 * `examples`: examples.ts type-checks them (js: parses), and runs those that assert. An exempt one says why.
 */
export const BLOCK_LANGUAGES: Readonly<Record<string, 'examples' | 'json' | 'shell' | string>> = {
  ts: 'examples',
  js: 'examples',
  html: 'examples',
  json: 'json',
  jsonc: 'json',
  sh: 'shell',
  nginx: 'exempt: only nginx can parse it',
  apache: 'exempt: only Apache can parse it',
  caddyfile: 'exempt: only Caddy can parse it',
  text: 'exempt: a picture, a file of a host, or what a program prints',
  '': 'exempt: the map of the repository, which is a picture',
};
