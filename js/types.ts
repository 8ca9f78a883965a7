// SPDX-License-Identifier: MIT
// types - the public interfaces; imports nothing

/** One CIDR such as `192.168.1.1/24` or `fd00::1/64`, or a list: at most one IPv4, three IPv6. */
export type Cidrs = string | readonly string[];

/** What every interface can be given. */
export interface InterfaceOptions {
  /** Its addresses with their prefix lengths. */
  readonly ip?: Cidrs;
  /** Next hop for what no prefix of an interface covers: one IPv4, one IPv6, or both. */
  readonly gateway?: string | readonly string[];
  /** Largest IP packet in bytes, 576 to 65520. @default 1500 (loopback: 65520) */
  readonly mtu?: number;
  /**
   * `false` neither computes nor verifies IP and TCP checksums: for a wire whose two ends share
   * memory, both of which must say so. @default true
   */
  readonly checksum?: boolean;
  /**
   * Bytes of each of the two frame rings, rounded up to a power of two, at most 1 GiB.
   * @default 512 KiB, or as much as eight of the largest frames take
   */
  readonly ringSize?: number;
}

/** Options of createLoopbackInterface(). */
export interface LoopbackInterfaceOptions extends InterfaceOptions {}

/** Options of createTunInterface(). */
export interface TunInterfaceOptions extends InterfaceOptions {}

/** Options of createTapInterface(). */
export interface TapInterfaceOptions extends InterfaceOptions {
  /** Six bytes as `01:23:45:67:89:ab`. @default a random locally administered one */
  readonly mac?: string;
}

/** Counters of an interface, as seen from the stack. */
export interface InterfaceStatistics {
  /** Packets received and passed to the stack. */
  readonly rxPackets: number;
  /** Their bytes. */
  readonly rxBytes: number;
  /** Packets sent. */
  readonly txPackets: number;
  /** Their bytes. */
  readonly txBytes: number;
  /** Packets dropped on the way out because nobody listened. */
  readonly dropped: number;
  /** Small packets without a sender that would repeat them, lost because the ring was full. */
  readonly lost: number;
  /** Frames dropped on the way in: too short, too long, or no frame at all. */
  readonly invalid: number;
}

/** What all interfaces have in common. */
export interface NetworkInterface {
  /** Kind of the interface. */
  readonly type: 'loopback' | 'tun' | 'tap';
  /** Its IPv4 address, or the first IPv6 one, without the prefix; undefined if it has none. */
  readonly ip: string | undefined;
  /** The netmask that goes with ip, undefined if it is IPv6 or there is none. */
  readonly netmask: string | undefined;
  /** All its addresses as CIDRs. */
  readonly addresses: readonly string[];
  /** Largest IP packet, bytes. */
  readonly mtu: number;
  /** Its counters at this moment. */
  readonly statistics: InterfaceStatistics;
}

/** Loopback interface: what the stack sends to itself. */
export interface LoopbackInterface extends NetworkInterface {
  readonly type: 'loopback';
}

/** What tun and tap interfaces have in common: the frames the stack sends and takes. */
export interface FrameInterface extends NetworkInterface {
  /**
   * Packets the stack sends, one a chunk. The interface listens only while this is locked; before,
   * what the stack sends is dropped and counted. `pipeTo()` the writable of another interface of the
   * same arena and the frames go from stack to stack without a copy.
   */
  readonly readable: ReadableStream<Uint8Array>;
  /**
   * Packets for the stack, one a chunk. One that is too short or longer than the MTU (and its
   * Ethernet header) is dropped and counted (`statistics.invalid`): a link must survive it.
   */
  readonly writable: WritableStream<Uint8Array>;
  /** Locks the readable and iterates over its packets. */
  listen(): AsyncIterableIterator<Uint8Array>;
  /** As listen(). */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array>;
}

/** Tun interface: whole IP packets (L3). */
export interface TunInterface extends FrameInterface {
  readonly type: 'tun';
}

/** Tap interface: Ethernet frames (L2). */
export interface TapInterface extends FrameInterface {
  readonly type: 'tap';
  /** Its MAC address. */
  readonly mac: string;
}

/** Options of a connection, and of those a listener accepts. */
export interface TcpOptions {
  /** `false` holds small segments back while others are on the way (Nagle). @default true */
  readonly noDelay?: boolean;
  /** Idle time before the first keep-alive probe, ms; 0 or false: none. @default false */
  readonly keepAlive?: number | boolean;
  /**
   * Receive buffer, which bounds the window: bytes, rounded up to a power of two, 64 KiB to 16 MiB.
   * Memory is taken as data comes. @default 512 KiB
   */
  readonly receiveBuffer?: number;
  /** Send buffer: bytes, rounded up to a power of two, 4 KiB to 16 MiB. @default 512 KiB */
  readonly sendBuffer?: number;
}

/** Options of connectTcp(). */
export interface TcpConnectOptions extends TcpOptions {
  /** IPv4 or IPv6 address (`fe80::1%2` names an interface), or `localhost`. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** Address to connect from, one of the stack's. @default chosen by the route */
  readonly localAddress?: string;
  /** Port to connect from. @default a random free one */
  readonly localPort?: number;
  /** Gives up after so many ms. @default about 12 s, when TCP itself gives up */
  readonly timeout?: number;
  /** Gives up when aborted, with its reason. */
  readonly signal?: AbortSignal;
}

/** Options of listenTcp(). */
export interface TcpListenOptions extends TcpOptions {
  /** Address to listen on, one of the stack's. @default all, of both families */
  readonly host?: string;
  /** 1 to 65535, 0: a random free one (see listener.port). */
  readonly port: number;
  /** Connections that may wait to be accepted, 1 to 65535. @default 511 */
  readonly backlog?: number;
}

/** A TCP connection. */
export interface TcpConnection extends AsyncDisposable {
  /**
   * Bytes from the peer, a byte stream (BYOB readers work). Ends when the peer ends its side.
   * Cancelling it resets the connection. What is not read closes the peer's window.
   */
  readonly readable: ReadableStream<Uint8Array>;
  /**
   * Bytes to the peer. A write settles when the bytes are in the send buffer; closing it sends FIN
   * behind them and settles when the peer has acknowledged everything. Aborting it resets.
   */
  readonly writable: WritableStream<Uint8Array>;
  /** Settles when the connection is open. */
  readonly opened: Promise<void>;
  /** Settles when both sides are closed; rejects with the error that ended the connection. */
  readonly closed: Promise<void>;
  /** Our address. */
  readonly localAddress: string;
  /** Our port. */
  readonly localPort: number;
  /** The peer's address. */
  readonly remoteAddress: string;
  /** The peer's port. */
  readonly remotePort: number;
  /** Whether small segments go at once. */
  noDelay: boolean;
  /** Idle time before the first keep-alive probe, ms; 0: none. */
  keepAlive: number;
  /** Closes both sides: sends what is queued, then FIN; what still comes is thrown away. */
  close(): Promise<void>;
  /** Closes our side only: sends what is queued, then FIN. The readable stays open. */
  closeWrite(): Promise<void>;
  /** Resets the connection at once; both streams fail with reason. */
  abort(reason?: unknown): void;
  /** Iterates over the readable; leaving the loop early does not close anything. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array>;
}

/** A TCP listener. */
export interface TcpListener extends AsyncDisposable {
  /** Address it listens on, `::` for all. */
  readonly host: string;
  /** Port it listens on. */
  readonly port: number;
  /** The next connection. Rejects when the listener is closed. */
  accept(): Promise<TcpConnection>;
  /** Stops listening. Connections nobody accepted are reset; accepted ones go on. */
  close(): Promise<void>;
  /** Iterates over connections until the listener is closed; may be begun again at any time. */
  [Symbol.asyncIterator](): AsyncIterableIterator<TcpConnection>;
}

/** Counters of a stack. */
export interface StackStatistics {
  /** TCP segments sent again. */
  readonly tcpRetransmits: number;
  /** TCP segments received. */
  readonly tcpRxSegments: number;
  /** TCP segments sent. */
  readonly tcpTxSegments: number;
  /** Packets dropped for a wrong IP, ICMP or TCP checksum. */
  readonly checksumErrors: number;
  /** Packets dropped: malformed, not for us, without a way back. */
  readonly inputDrops: number;
  /** Segments dropped for want of receive memory; the peer sends them again. */
  readonly noMemoryDrops: number;
  /** Sockets in use. */
  readonly sockets: number;
  /** Bytes in use in the stack's heap. */
  readonly heapBytes: number;
  /** Bytes of socket rings. */
  readonly ringBytes: number;
  /** Turns of the engine. */
  readonly turns: number;
}

/** The arena a stack lives in: one shared memory. */
export interface StackArena {
  /** Bytes of the whole memory. */
  readonly size: number;
  /** Bytes not in use. */
  readonly freeBytes: number;
}

/** Options of createStack(). */
export interface StackOptions {
  /** Creates a loopback interface with 127.0.0.1/8 and ::1/128. @default true */
  readonly initializeLoopback?: boolean;
  /** Who turns the stack: `inline`, the thread that created it. @default 'inline' */
  readonly engine?: 'inline';
  /** Where to live. Stacks of one arena can be wired without copies. @default one for all, 256 MiB */
  readonly arena?: StackArena;
  /** Sockets at the most, 1 to 65535. @default 65535 */
  readonly maxSockets?: number;
  /** Default of every connection's receiveBuffer. @default 512 KiB */
  readonly receiveBuffer?: number;
  /** Default of every connection's sendBuffer. @default 512 KiB */
  readonly sendBuffer?: number;
  /** The module: its URL, bytes, or compiled. @default the one in the package */
  readonly wasm?: URL | string | BufferSource | WebAssembly.Module;
}

/** A TCP/IP stack. */
export interface NetworkStack extends AsyncDisposable {
  /** Its interfaces. */
  readonly interfaces: Iterable<LoopbackInterface | TunInterface | TapInterface>;
  /** Its counters at this moment. */
  readonly statistics: StackStatistics;
  /** Creates a loopback interface. @default ip 127.0.0.1/8 */
  createLoopbackInterface(options?: LoopbackInterfaceOptions): Promise<LoopbackInterface>;
  /** Creates a tun interface. */
  createTunInterface(options?: TunInterfaceOptions): Promise<TunInterface>;
  /** Creates a tap interface. */
  createTapInterface(options?: TapInterfaceOptions): Promise<TapInterface>;
  /** Removes an interface; connections from and to its addresses fail with ENODEV. */
  removeInterface(iface: NetworkInterface): Promise<void>;
  /** Connects; settles when the connection is open. */
  connectTcp(options: TcpConnectOptions): Promise<TcpConnection>;
  /** Listens. */
  listenTcp(options: TcpListenOptions): Promise<TcpListener>;
  /** Resets all connections, removes all interfaces, gives all memory back. */
  close(): Promise<void>;
}
