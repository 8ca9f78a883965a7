// SPDX-License-Identifier: MIT
// types - the public types of a WireGuard interface

/// <reference lib="esnext.disposable" preserve="true" />

import type { Cidrs, TunInterface, WasmModule } from 'ringstack';

/** The place of a peer, as a transport knows it. */
export interface WireGuardEndpoint {
  /** Numeric address. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/**
 * Takes the datagrams of a transport.
 *
 * @example
 * ```ts
 * import type { WireGuardSink } from 'ringstack-wireguard';
 *
 * const counting = (sink: WireGuardSink, count: (bytes: number) => void): WireGuardSink => ({
 *   receive(data, host, port) {
 *     count(data.length);
 *     sink.receive(data, host, port);
 *   },
 *   room: () => sink.room(),
 *   ended: (error) => sink.ended(error),
 * });
 * ```
 */
export interface WireGuardSink {
  /**
   * Takes a datagram.
   *
   * @param data - Its bytes; they are copied.
   * @param host - Numeric address of its sender; none on a transport without addresses.
   * @param port - Port of its sender.
   * @param ecn - The two ECN bits of its IP header, where the transport knows them: the packet inside then gets a mark of
   *   congestion (RFC 6040).
   * @throws Never.
   */
  receive(data: Uint8Array, host?: string, port?: number, ecn?: number): void;
  /**
   * Says whether to wait before the next datagram, for a transport that can.
   *
   * @returns undefined: it can be taken now; otherwise settles when it can.
   * @throws Never.
   */
  room(): Promise<void> | undefined;
  /**
   * The transport has ended and passes nothing more.
   *
   * @param error - Why, if it failed.
   * @throws Never.
   */
  ended(error?: unknown): void;
}

/**
 * Carries datagrams between peers: nothing that it does is trusted.
 *
 * @example
 * ```ts
 * import type { WireGuardSink, WireGuardTransport } from 'ringstack-wireguard';
 *
 * class Channel implements WireGuardTransport {
 *   readonly #port: MessagePort;
 *   constructor(port: MessagePort) {
 *     this.#port = port;
 *   }
 *   start(sink: WireGuardSink): void {
 *     this.#port.onmessage = ({ data }) => sink.receive(data);
 *   }
 *   send(data: Uint8Array): boolean {
 *     this.#port.postMessage(data.slice());
 *     return true;
 *   }
 *   room(): undefined {}
 *   stop(): void {
 *     this.#port.onmessage = null;
 *   }
 * }
 * ```
 */
export interface WireGuardTransport {
  /** Port that it listens on, where it knows one. */
  readonly localPort?: number | undefined;
  /** It has one other end and no addresses: a peer without an endpoint is there. @default false */
  readonly isSession?: boolean | undefined;
  /**
   * Bytes of the largest datagram that gets through now. The sender of a packet that would be larger gets an ICMP error with the
   * size that fits (Packet Too Big, fragmentation needed). @default 65535
   */
  readonly maxDatagram?: number | undefined;
  /**
   * Begins to receive.
   *
   * @param sink - Takes the datagrams.
   * @throws {Error} If it cannot.
   */
  start(sink: WireGuardSink): void;
  /**
   * Sends a datagram now, or drops it.
   *
   * @param data - Its bytes, valid until this returns.
   * @param to - The receiver; undefined: the other end of the transport.
   * @param ecn - For the two ECN bits of its IP header, where the transport can set them: those of the packet inside (RFC 6040).
   * @returns false: it was dropped.
   * @throws Never.
   */
  send(data: Uint8Array<ArrayBuffer>, to: WireGuardEndpoint | undefined, ecn: number): boolean;
  /**
   * Says whether to wait before more is sent.
   *
   * @returns undefined: there is room; otherwise settles when there is.
   * @throws Never.
   */
  room(): Promise<void> | undefined;
  /**
   * Stops receiving, and gives back what start() took. Closes what the transport itself has opened.
   *
   * @returns Settles when that is done, if it takes time.
   * @throws Never.
   */
  stop(): void | Promise<void>;
}

/** Settings of a peer. */
export interface WireGuardPeer {
  /** Its public key, base64. */
  readonly publicKey: string;
  /** A secret that both sides have besides, base64; null removes it. @default as it was; none */
  readonly presharedKey?: string | null;
  /** CIDRs that it sends from and that are sent to it; of several peers that with the longest prefix gets a packet. */
  readonly allowedIps?: readonly string[];
  /** Its place: `10.0.0.1:51820`, `[fd00::1]:51820`, or a name where `resolve` is set. @default known when it sends */
  readonly endpoint?: WireGuardEndpoint | string;
  /** The transport that it is reached by, as an index of `transport`. @default 0 */
  readonly transport?: number;
  /** s between packets that keep a NAT open, 0: none; 0 to 65535. @default 0 */
  readonly persistentKeepalive?: number;
}

/** State of a peer. */
export interface WireGuardPeerState {
  /** Its public key, base64. */
  readonly publicKey: string;
  /** Whether it has a preshared key. */
  readonly hasPresharedKey: boolean;
  /** Its allowed IPs. */
  readonly allowedIps: readonly string[];
  /** The source of its last authentic message, or as it was set. */
  readonly endpoint: WireGuardEndpoint | undefined;
  /** The transport that this was, as an index of `transport`. */
  readonly transport: number;
  /** s, 0: off. */
  readonly persistentKeepalive: number;
  /** When keys were agreed on, ms since 1970; undefined: not yet. */
  readonly latestHandshake: number | undefined;
  /** Bytes of its messages. */
  readonly rxBytes: number;
  /** Bytes of messages to it. */
  readonly txBytes: number;
  /** Packets that wait for a handshake. */
  readonly waiting: number;
}

/**
 * Keeps the time of the last handshake, so that it only goes forward across reloads.
 *
 * @example
 * ```ts
 * import { readFile, writeFile } from 'node:fs/promises';
 * import type { WireGuardTimestamps } from 'ringstack-wireguard';
 *
 * const inFile = (path: string): WireGuardTimestamps => ({
 *   get: () => readFile(path, 'utf8').catch(() => undefined),
 *   set: (_, time) => writeFile(path, time),
 * });
 * ```
 */
export interface WireGuardTimestamps {
  /**
   * Reads the last time.
   *
   * @param publicKey - Our public key.
   * @returns The time that set() was given last, undefined: none.
   * @throws {Error} If it cannot be read: creating the interface fails with it.
   */
  get(publicKey: string): string | undefined | null | Promise<string | undefined | null>;
  /**
   * Keeps a time.
   *
   * @param publicKey - Our public key.
   * @param time - Digits.
   * @returns Settles when it is kept, if that takes time.
   * @throws {Error} If it cannot be kept: `warn` is told.
   */
  set(publicKey: string, time: string): void | Promise<void>;
}

/** The place of wireguard.wasm: a URL, its bytes, or itself. */
export type WireGuardWasm = URL | string | ArrayBuffer | ArrayBufferView | WasmModule;

/** Anything that carries datagrams: see toTransport(). */
export type WireGuardTransportLike = WireGuardTransport | object;

/** Options of createWireGuard(). */
export interface WireGuardOptions {
  /** Our private key, base64 or 32 bytes. */
  readonly privateKey: string | Uint8Array;
  /** Our addresses in the tunnel. */
  readonly ip?: Cidrs;
  /**
   * Largest packet in the tunnel, bytes, 576 to 65455. A message is up to 32 bytes larger, and its IP and UDP headers.
   * @default 1420, or less if `maxDatagram` of a transport says so
   */
  readonly mtu?: number;
  /**
   * Carries the messages: a UDP socket of a stack, of `node:dgram` or of Deno, a WebSocket to a relay, an RTCDataChannel,
   * `stack.udp`, a pair of streams, or a list of these.
   */
  readonly transport: WireGuardTransportLike | readonly WireGuardTransportLike[];
  /** Port to listen on, for a transport that still has to be opened. @default a random one */
  readonly listenPort?: number;
  /** Its peers. @default none */
  readonly peers?: readonly WireGuardPeer[];
  /** Name servers of a configuration file: for the program, not used here. */
  readonly dns?: readonly string[];
  /** Adds a route for every allowed IP. @default true */
  readonly routes?: boolean;
  /** Finds the address of a peer's host name. @default names are refused */
  readonly resolve?: (host: string) => Promise<string>;
  /** Keeps the time of the last handshake. @default localStorage where a page has it; else the clock alone is trusted */
  readonly timestamps?: WireGuardTimestamps;
  /** Handshakes a second above which senders must first prove their address, 1 to 10000. @default 64 */
  readonly handshakeRate?: number;
  /** Bytes of each frame ring of the tun. @default as of the stack */
  readonly ringSize?: number;
  /** A clock that only goes forward, ms. @default performance.now() */
  readonly now?: () => number;
  /** Is told what may go wrong: the key is in use elsewhere, a time could not be kept. @default console.warn */
  readonly warn?: (message: string) => void;
  /** wireguard.wasm: its URL, bytes, or compiled. @default the package's own */
  readonly wasm?: WireGuardWasm;
}

/** Counters of an interface. */
export interface WireGuardStatistics {
  /** Initiations of handshakes that were sent. */
  readonly initiations: number;
  /** Answers to initiations that were sent. */
  readonly responses: number;
  /** Cookies that were sent, under load. */
  readonly cookies: number;
  /** Messages that a transport did not take. */
  readonly txDropped: number;
  /** Packets from peers for which the stack had no room. */
  readonly rxDropped: number;
  /** Messages and packets that were dropped, by reason. */
  readonly dropped: {
    /** No message of WireGuard, or no IP packet in it. */
    readonly malformed: number;
    /** Its sender does not know our public key. */
    readonly mac: number;
    /** For a handshake or session that is not there. */
    readonly index: number;
    /** Not authentic, or of an unknown peer. */
    readonly unauthentic: number;
    /** Came before. */
    readonly replay: number;
    /** Of a session that is over. */
    readonly expired: number;
    /** A handshake too many. */
    readonly load: number;
    /** From an address that the peer may not send from. */
    readonly notAllowed: number;
    /**
     * To an address that no peer has, or only one whose place is not known; or a message of ours that is routed into the tunnel
     * again. Answered by ICMP host unreachable.
     */
    readonly noPeer: number;
    /** Waited for a session in vain, or too many waited. */
    readonly noSession: number;
    /** Larger than the transport's `maxDatagram` leaves room for; answered by ICMP. */
    readonly tooLarge: number;
  };
}

/**
 * A WireGuard interface of a stack.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createWireGuard, generateKey, publicKey } from 'ringstack-wireguard';
 *
 * const [outer, inner] = [await createStack(), await createStack()];
 * const peer = await publicKey(generateKey());
 * const wg = await createWireGuard(inner, {
 *   privateKey: generateKey(),
 *   ip: '10.9.0.1/24',
 *   transport: await outer.openUdp({ port: 51820 }),
 * });
 * await wg.setPeer({ publicKey: peer, allowedIps: ['10.9.0.2/32'], endpoint: '192.0.2.1:51820' });
 * assert.deepEqual(wg.peers()[0]?.allowedIps, ['10.9.0.2/32']);
 * await wg.removePeer(peer);
 * await wg.close();
 * await inner.close();
 * await outer.close();
 * ```
 */
export interface WireGuardInterface extends AsyncDisposable {
  /** The tun of the stack: addresses, counters, routes. Its streams belong to this interface. */
  readonly tun: TunInterface;
  /** Our public key, base64. */
  readonly publicKey: string;
  /** Port that the first transport listens on, where it knows one. */
  readonly listenPort: number | undefined;
  /** Its counters at this moment. */
  readonly statistics: WireGuardStatistics;
  /** Settles when it is closed, by close() or with its stack. */
  readonly closed: Promise<void>;
  /**
   * The peers.
   *
   * @returns Their state at this moment, in the order in which they came.
   * @throws Never.
   */
  peers(): WireGuardPeerState[];
  /**
   * Adds a peer, or changes one: what is not set stays.
   *
   * @param peer - Its settings. An allowed IP of another peer is taken from that.
   * @throws {NetError} EINVAL, also for our own key; ENOMEM: 4096 peers are there; ENOTFOUND of `resolve`; EBADF: closed.
   */
  setPeer(peer: WireGuardPeer): Promise<void>;
  /**
   * Removes a peer. Does nothing if there is none.
   *
   * @param publicKey - Its public key.
   * @throws {NetError} EINVAL; EBADF: closed.
   */
  removePeer(publicKey: string): Promise<void>;
  /**
   * Takes another private key; peers shake hands again.
   *
   * @param privateKey - Base64 or 32 bytes.
   * @throws {NetError} EINVAL; EBADF: closed.
   */
  setPrivateKey(privateKey: string | Uint8Array): Promise<void>;
  /**
   * Removes the tun and its routes, stops the transports, zeroes all keys. Sockets that were given stay open.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}
