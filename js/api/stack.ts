// SPDX-License-Identifier: MIT
// stack - the public interfaces of stacks and interfaces (of TCP: js/api/tcp.ts)

/// <reference lib="esnext.disposable" preserve="true" />

import type {
  SharedHandle,
  TcpConnection,
  TcpConnectOptions,
  TcpListener,
  TcpListenOptions,
} from './tcp.ts';
import type { FrameRingReader, FrameRingWriter } from './zero_copy.ts';

/** One CIDR such as `192.168.1.1/24` or `fd00::1/64`, or a list: at most one IPv4, three IPv6. */
export type Cidrs = string | readonly string[];

/** What every interface can be given. */
export interface InterfaceOptions {
  /**
   * Its addresses with their prefix lengths. Without one an interface takes no part in IP: it answers no
   * ARP and nothing can be sent from it. @default none
   */
  readonly ip?: Cidrs;
  /**
   * Next hop for what no prefix of an interface covers: one IPv4, one IPv6, or both. @default none: such
   * hosts fail with EHOSTUNREACH
   */
  readonly gateway?: string | readonly string[];
  /** Largest IP packet in bytes, 576 to 65520. @default 1500 (loopback: 65520) */
  readonly mtu?: number;
  /**
   * `false` neither computes nor verifies IP and TCP checksums: for a wire whose two ends share
   * memory, both of which must say so. @default true
   */
  readonly checksum?: boolean;
  /**
   * `false` keeps TCP from sending segments above the MTU. It does so only on a wire between two stacks
   * of one arena and over loopback, where it saves most of the cost of a packet, as network cards do
   * (TSO, GRO); whoever reads frames never sees one above the MTU. @default true
   */
  readonly largeSend?: boolean;
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

/** Counters of an interface since it was created, as seen from the stack. Those of packets wrap at 2^32. */
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
  /**
   * Packets lost on the way out: small ones that nobody would repeat, for which the ring had no
   * room, and those too long for the other end of a wire.
   */
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
  /** Kind of the interface. */
  readonly type: 'loopback';
}

/**
 * What tun and tap interfaces have in common: the frames the stack sends and takes.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const tun = await stack.createTunInterface({ ip: '10.0.0.1/24' });
 * const packets = tun.listen();
 * stack.connectTcp({ host: '10.0.0.2', port: 80 }).catch(() => {});
 * const { value } = await packets.next();
 * assert.equal(value?.[9], 6); // an IPv4 packet with a TCP segment: the SYN
 * await stack.close();
 * ```
 */
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
  /**
   * Locks the readable, so that the interface listens, and gives its packets where they lie.
   *
   * @returns The verbs, until their releaseLock().
   * @throws {TypeError} If the readable is locked already.
   */
  getRingReader(): FrameRingReader;
  /**
   * Locks the writable and gives room for packets, to be filled without a copy.
   *
   * @returns The verbs, until their releaseLock().
   * @throws {TypeError} If the writable is locked already.
   */
  getRingWriter(): FrameRingWriter;
  /**
   * Locks the readable and iterates over its packets; leaving the loop unlocks it.
   *
   * @returns The iterator; it ends when the interface is removed.
   * @throws {TypeError} If the readable is locked already.
   */
  listen(): AsyncIterableIterator<Uint8Array>;
  /**
   * As listen().
   *
   * @returns The iterator.
   * @throws {TypeError} If the readable is locked already.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array>;
  /**
   * Hands its frames to another thread: attach(handle) there gives an interface with the streams of this
   * one, so that a VM in a worker feeds it directly. The streams here fail; statistics and
   * removeInterface() of its stack go on. Removing it asks the other thread to let go first.
   *
   * @returns The handle, which structured cloning (postMessage, workerData) carries; it opens once.
   * @throws {NetError} EINVAL if a stream is locked; ENODEV, ENOMEM, ESHUTDOWN.
   */
  share(): Promise<SharedHandle<this>>;
}

/** Tun interface: whole IP packets (L3). */
export interface TunInterface extends FrameInterface {
  /** Kind of the interface. */
  readonly type: 'tun';
}

/** Tap interface: Ethernet frames (L2). */
export interface TapInterface extends FrameInterface {
  /** Kind of the interface. */
  readonly type: 'tap';
  /** Its MAC address. */
  readonly mac: string;
}

/** Counters of a stack since it was created; `sockets`, `heapBytes` and `ringBytes` are of this moment. */
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
  /** Bytes the stack has copied so far in C: headers and payload, each time. */
  readonly bytesCopied: number;
}

/**
 * The arena a stack lives in: one shared memory.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { attach, createArena, createStack } from 'ringstack';
 *
 * const arena = await createArena();
 * // structuredClone() stands for worker.postMessage(handle).
 * await using theirs = await attach(structuredClone(await arena.share()));
 * const stack = await createStack({ arena: theirs });
 * assert.equal(theirs.freeBytes, arena.freeBytes);
 * await stack.close();
 * ```
 */
export interface StackArena extends AsyncDisposable {
  /** Bytes of the whole memory. */
  readonly size: number;
  /** Bytes not in use. */
  readonly freeBytes: number;
  /** Bytes JavaScript has copied into and out of it so far, detours counted. */
  readonly bytesCopied: number;
  /**
   * Shares it with another thread: attach(handle) there gives an arena over the same memory. Stacks that
   * two threads create in one arena can be wired without copies.
   *
   * @returns The handle.
   * @throws {NetError} ENOMEM if the arena has no room.
   */
  share(): Promise<SharedHandle<StackArena>>;
  /**
   * Gives back what attach() took in it for this thread, when the stacks that this thread created in it
   * are closed. An arena that was not attached has nothing to give back.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}

/** A WebAssembly.Module, also where TypeScript's library does not declare it (Node's without the DOM). */
export type WasmModule = typeof globalThis extends {
  WebAssembly: { Module: { prototype: infer Module } };
}
  ? Module
  : object;

/** Options of createStack(). */
export interface StackOptions {
  /** Creates a loopback interface with 127.0.0.1/8 and ::1/128. @default true */
  readonly initializeLoopback?: boolean;
  /**
   * Who turns the stack: `inline`, the thread that created it; `worker`, a thread of its own, for which
   * a page must be cross-origin isolated; `auto`, a thread of its own if this one draws a page that may
   * have one (a page must not be kept busy, and its timers are slow while it is hidden), or else this one.
   * `stack.engine` tells which it is. @default 'auto'
   */
  readonly engine?: 'auto' | 'inline' | 'worker';
  /**
   * Of a thread of its own: the URL of its file (`ringstack/worker`), or a function that makes a Worker of
   * it. @default the one in the package
   */
  readonly worker?: URL | string | (() => unknown);
  /** ms that the worker may take to start, 1 to 2147483647. @default 10000 */
  readonly startTimeout?: number;
  /** Where to live. Stacks of one arena can be wired without copies. @default one for all, 256 MiB */
  readonly arena?: StackArena;
  /** Sockets at the most, 1 to 65535. @default 65535 */
  readonly maxSockets?: number;
  /** Default of every connection's receiveBuffer, bytes, 64 KiB to 16 MiB. @default 512 KiB; engine 'worker': 2 MiB */
  readonly receiveBuffer?: number;
  /** Default of every connection's sendBuffer, bytes, 4 KiB to 16 MiB. @default 512 KiB; engine 'worker': 2 MiB */
  readonly sendBuffer?: number;
  /** The module: its URL (a relative one is the page's), bytes, or compiled. @default the package's own */
  readonly wasm?: URL | string | ArrayBuffer | ArrayBufferView | WasmModule;
}

/**
 * A TCP/IP stack.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const a = await createStack();
 * const b = await createStack();
 * const tapA = await a.createTapInterface({ ip: '192.168.1.1/24' });
 * const tapB = await b.createTapInterface({ ip: '192.168.1.2/24' });
 * void tapA.readable.pipeTo(tapB.writable);
 * void tapB.readable.pipeTo(tapA.writable);
 * const listener = await b.listenTcp({ port: 80 });
 * const connection = await a.connectTcp({ host: '192.168.1.2', port: 80 });
 * assert.equal((await listener.accept()).remotePort, connection.localPort);
 * await a.close();
 * await b.close();
 * ```
 */
export interface NetworkStack extends AsyncDisposable {
  /** Who turns it: the thread that created it, or one of its own. */
  readonly engine: 'inline' | 'worker';
  /** Its interfaces. */
  readonly interfaces: Iterable<LoopbackInterface | TunInterface | TapInterface>;
  /** Its counters at this moment. */
  readonly statistics: StackStatistics;
  /**
   * Creates a loopback interface, by default with 127.0.0.1/8.
   *
   * @param options - Addresses and sizes.
   * @returns The interface, up.
   * @throws {NetError} EINVAL, ENOMEM, EMFILE (254 interfaces), ESHUTDOWN.
   */
  createLoopbackInterface(options?: LoopbackInterfaceOptions): Promise<LoopbackInterface>;
  /**
   * Creates a tun interface.
   *
   * @param options - Addresses and sizes.
   * @returns The interface, up.
   * @throws {NetError} EINVAL, ENOMEM, EMFILE (254 interfaces), ESHUTDOWN.
   */
  createTunInterface(options?: TunInterfaceOptions): Promise<TunInterface>;
  /**
   * Creates a tap interface.
   *
   * @param options - Addresses and sizes.
   * @returns The interface, up.
   * @throws {NetError} EINVAL, ENOMEM, EMFILE (254 interfaces), ESHUTDOWN.
   */
  createTapInterface(options?: TapInterfaceOptions): Promise<TapInterface>;
  /**
   * Removes an interface. Connections from its addresses, and listeners on them, fail with ENODEV.
   *
   * @param iface - An interface of this stack.
   * @throws {NetError} ENODEV if it is not, ESHUTDOWN.
   */
  removeInterface(iface: NetworkInterface): Promise<void>;
  /**
   * Connects; settles when the connection is open.
   *
   * @param options - Where to and how.
   * @returns The connection.
   * @throws {NetError} EINVAL, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, EADDRNOTAVAIL, EADDRINUSE,
   *   ENODEV, EMFILE, ENOMEM, ESHUTDOWN; or the signal's reason.
   */
  connectTcp(options: TcpConnectOptions): Promise<TcpConnection>;
  /**
   * Listens.
   *
   * @param options - Where and how.
   * @returns The listener.
   * @throws {NetError} EINVAL, EADDRINUSE, EADDRNOTAVAIL, EMFILE, ENOMEM, ESHUTDOWN.
   */
  listenTcp(options: TcpListenOptions): Promise<TcpListener>;
  /**
   * Resets all connections, removes all interfaces, gives all memory back. Whatever waits for this stack
   * fails with ESHUTDOWN.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}
