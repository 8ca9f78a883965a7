// SPDX-License-Identifier: MIT
// wireguard - a WireGuard interface of a stack: a tun, a core, transports
//
// Theory of operation
//
//     stack -> tun -> #sendLoop -> core.send() -> transmit() -> transport
//     transport -> #receive -> core.receive() -> deliver() -> tun -> stack
//
// Both ways wait for room where their source can wait (transports.ts, held.ts). After each call the core says
// when it must be called again; one timer is set for that. A page that is hidden calls late: the core decides by the
// clock at each packet, not by timers.
//
// A transport may pass a datagram on from inside send(), so from inside a call of the core: it waits in
// #nested until that call has returned.
//
// The interface ends with close(), with its stack, or when the tun is removed.

import type { FrameRingReader, FrameRingWriter, NetworkStack, TunInterface } from 'ringstack';
import { NetError } from '../../../js/errors.ts';
import { pauseIfOverdue } from '../../../js/sched/scheduler.ts';
import { type Cidr, formatCidr } from '../../../js/util/address.ts';
import { checkOptions, checkValue, whole } from '../../../js/util/check.ts';
import { Deferred } from '../../../js/util/deferred.ts';
import { Copies } from './copies.ts';
import { Core, LARGEST } from './core.ts';
import { Endpoints, isAddress, splitEndpoint } from './endpoints.ts';
import { Held } from './held.ts';
import { setInside } from './inside.ts';
import { formatKey, readKey } from './keys.ts';
import { network, PEER, SET_PEER } from './options.ts';
import { holdKey, pageTimestamps, Stamps } from './stamp.ts';
import { TunRoutes } from './tun_routes.ts';
import type {
  WireGuardEndpoint,
  WireGuardInterface,
  WireGuardOptions,
  WireGuardPeer,
  WireGuardPeerState,
  WireGuardStatistics,
  WireGuardTransport,
} from './types.ts';

const INT32_MAX = 0x7fffffff;

interface Peer {
  readonly number: number;
  allowed: Map<string, Cidr>;
}

/** See WireGuardInterface. */
export class WireGuard implements WireGuardInterface {
  readonly tun: TunInterface;
  readonly #stack: NetworkStack;
  readonly #options: WireGuardOptions;
  readonly #core: Core;
  readonly #stamps: Stamps;
  readonly #transports: readonly WireGuardTransport[];
  readonly #reader: FrameRingReader;
  readonly #writer: FrameRingWriter;
  readonly #incoming: Held;
  readonly #endpoints = new Endpoints();
  readonly #peers = new Map<string, Peer>();
  readonly #routes: TunRoutes;
  readonly #nested: (() => void)[] = [];
  readonly #copies = new Copies();
  readonly #closed = new Deferred();
  readonly #now: () => number;
  readonly #warn: (message: string) => void;
  #privateKey = new Uint8Array();
  #publicKey = '';
  #releaseKey = (): void => {};
  #isInside = false;
  #isClosed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #txDropped = 0;

  constructor(
    stack: NetworkStack,
    tun: TunInterface,
    module: WebAssembly.Module,
    transports: readonly WireGuardTransport[],
    options: WireGuardOptions,
  ) {
    this.#stack = stack;
    this.tun = tun;
    this.#routes = new TunRoutes(stack, tun);
    this.#options = options;
    this.#transports = transports;
    this.#now = options.now ?? (() => performance.now());
    this.#warn = options.warn ?? ((message) => console.warn(message));
    this.#stamps = new Stamps(options.timestamps ?? pageTimestamps(), this.#warn);
    this.#core = new Core(module, tun.mtu, options.handshakeRate ?? 64, {
      now: () => this.#now() + 1, // 0 is never
      random: (to) => void crypto.getRandomValues(to),
      timestamp: (to) => this.#stamps.write(to),
      transmit: (data, words, at, ecn) => this.#transmit(data, words, at, ecn),
      limit: (transport) => this.#transports[transport]?.maxDatagram ?? LARGEST,
      deliver: (packet) => void this.#incoming.push(packet, undefined),
    });
    this.#reader = tun.getRingReader();
    this.#writer = tun.getRingWriter();
    this.#incoming = new Held(
      (packet) => this.#put(packet),
      (length) => this.#writer.ready(length),
    );
    setInside(this, {
      privateKey: () => this.#privateKey.slice(),
      presharedKey: (key) => this.#core.peer(this.#peers.get(key)?.number ?? 0).presharedKey,
    });
  }

  /** Takes the key and begins. */
  async start(key: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#takeKey(key);
    for (const [i, transport] of this.#transports.entries()) {
      transport.start({
        receive: (data, host, port, ecn) => this.#receive(i, data, host, port, ecn),
        room: () => this.#incoming.room(),
        ended: (error) => {
          if (error !== undefined) this.#warn(`A transport of WireGuard failed: ${error}`);
        },
      });
    }
    void this.#sendLoop().finally(() => this.close());
  }

  async #takeKey(key: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#releaseKey();
    this.#privateKey.fill(0);
    this.#privateKey = key;
    this.#publicKey = formatKey(this.#core.setKey(key));
    await this.#stamps.open(this.#publicKey);
    if (!this.#isClosed) this.#releaseKey = holdKey(this.#publicKey, this.#warn);
  }

  get publicKey(): string {
    return this.#publicKey;
  }

  get listenPort(): number | undefined {
    return this.#transports[0]?.localPort;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get statistics(): WireGuardStatistics {
    const dropped = this.#core.drops;
    const rxDropped = this.#incoming.dropped;
    return { ...this.#core.handshakes, txDropped: this.#txDropped, rxDropped, dropped };
  }

  /** Runs a call of the core, and what came from inside it. */
  #call(action: () => void): void {
    if (this.#isClosed) return;
    if (this.#isInside) {
      this.#nested.push(action);
      return;
    }
    this.#isInside = true;
    try {
      action();
      for (let next = this.#nested.shift(); next; next = this.#nested.shift()) next();
    } finally {
      this.#isInside = false;
    }
    this.#schedule();
  }

  #schedule(): void {
    const at = this.#core.due;
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    const wait = Math.min(Math.max(at - this.#now() - 1, 0), INT32_MAX);
    this.#timer = setTimeout(() => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#call(() => this.#core.tick());
    }, Math.ceil(wait));
    // A program does not wait for a keepalive: its sockets say how long it lives.
    (this.#timer as { unref?(): void }).unref?.();
  }

  #transmit(data: Uint8Array<ArrayBuffer>, words: Int32Array, at: number, ecn: number): void {
    const { transport, to } = this.#endpoints.text(words, at);
    if (!this.#transports[transport]?.send(data, to, ecn)) this.#txDropped++;
  }

  #put(packet: Uint8Array): boolean {
    const room = this.#writer.reserve(packet.length);
    if (!room) return false;
    room.set(packet);
    this.#writer.submit();
    return true;
  }

  #receive(transport: number, data: Uint8Array, host?: string, port?: number, ecn = 0): void {
    const from = this.#endpoints.words(transport, host, port);
    if (!this.#isInside) {
      this.#call(() => this.#core.receive(data, from, ecn & 3));
      return;
    }
    // A datagram from inside a call waits, and its sender uses the bytes again.
    const kept = this.#copies.keep(data);
    this.#call(() => {
      this.#core.receive(kept, from, ecn & 3);
      this.#copies.release(kept);
    });
  }

  /** A promise to wait for before the next packet, or undefined. */
  #wait(count: number): Promise<void> | undefined {
    for (const transport of this.#transports) {
      const room = transport.room();
      if (room) return room;
    }
    return count % 32 === 31 ? pauseIfOverdue() : undefined;
  }

  async #sendLoop(): Promise<void> {
    const reader = this.#reader;
    try {
      while (await reader.ready()) {
        for (let count = 0; ; count++) {
          const wait = this.#wait(count);
          if (wait) await wait;
          if (this.#isClosed) return;
          const packet = reader.peek();
          if (!packet) break;
          this.#call(() => this.#core.send(packet));
          reader.release();
        }
      }
    } catch {
      // The lock was released by close(), or the interface is gone.
    }
  }

  peers(): WireGuardPeerState[] {
    if (this.#isClosed) return [];
    return [...this.#peers].map(([publicKey, { number, allowed }]) => {
      const state = this.#core.peer(number);
      const { transport, to } = state.endpoint
        ? this.#endpoints.text(state.endpoint, 0)
        : { transport: 0, to: undefined };
      const age = this.#now() + 1 - state.latestHandshake;
      return {
        publicKey,
        hasPresharedKey: state.presharedKey.some((byte) => byte !== 0),
        allowedIps: [...allowed.keys()],
        endpoint: to,
        transport,
        persistentKeepalive: state.persistentKeepalive,
        latestHandshake: state.latestHandshake > 0 ? Math.round(Date.now() - age) : undefined,
        rxBytes: state.receivedBytes,
        txBytes: state.sentBytes,
        waiting: state.staged,
      };
    });
  }

  #checkOpen(action: string): void {
    if (this.#isClosed) {
      throw new NetError('EBADF', action, { reason: 'the interface is closed' });
    }
  }

  async #addressOf(endpoint: WireGuardEndpoint | string): Promise<WireGuardEndpoint> {
    const { host, port } = splitEndpoint(SET_PEER, endpoint);
    if (isAddress(host)) return { host, port };
    if (this.#options.resolve) return { host: await this.#options.resolve(host), port };
    const reason = 'names need the option resolve';
    throw new NetError('EINVAL', `${SET_PEER} with endpoint '${host}'`, { reason });
  }

  async setPeer(peer: WireGuardPeer): Promise<void> {
    checkOptions(SET_PEER, peer, PEER, ['publicKey']);
    const { presharedKey, allowedIps, transport = 0, persistentKeepalive } = peer;
    checkValue(SET_PEER, 'transport', transport, whole(0, this.#transports.length - 1));
    const key = readKey(SET_PEER, 'public key', peer.publicKey);
    const secret =
      typeof presharedKey === 'string'
        ? readKey(SET_PEER, 'preshared key', presharedKey)
        : undefined;
    const allowed =
      allowedIps && new Map(allowedIps.map((text) => [formatCidr(network(text)), network(text)]));
    const to = peer.endpoint === undefined ? undefined : await this.#addressOf(peer.endpoint);
    this.#checkOpen(SET_PEER);
    const isSession = this.#transports[transport]?.isSession && !this.#peers.has(formatKey(key));
    const endpoint =
      to || isSession ? this.#endpoints.words(transport, to?.host, to?.port) : undefined;
    this.#change(key, {
      presharedKey: presharedKey === null ? new Uint8Array(32) : secret,
      allowed,
      endpoint,
      persistentKeepalive,
    });
    secret?.fill(0);
    await this.#syncRoutes();
  }

  /** Adds or changes a peer, in one call of the core. */
  #change(
    key: Uint8Array,
    settings: {
      presharedKey: Uint8Array | undefined;
      allowed: Map<string, Cidr> | undefined;
      endpoint: Int32Array | undefined;
      persistentKeepalive: number | undefined;
    },
  ): void {
    const name = formatKey(key);
    let peer = this.#peers.get(name);
    if (!peer) {
      const number = this.#core.addPeer(key);
      if (number < 0) throw new NetError('ENOMEM', SET_PEER, { reason: 'there are 4096 peers' });
      if (!this.#core.peer(number).isUsable) {
        this.#core.removePeer(number);
        const reason = 'it is our own key, or none that anybody has';
        throw new NetError('EINVAL', `${SET_PEER} with public key ${name}`, { reason });
      }
      peer = { number, allowed: new Map() };
      this.#peers.set(name, peer);
    }
    if (settings.allowed) {
      for (const cidr of settings.allowed.keys()) {
        for (const other of this.#peers.values()) other.allowed.delete(cidr);
      }
      peer.allowed = settings.allowed;
      this.#setAllowed();
    }
    const { number } = peer;
    this.#call(() => this.#core.setPeer(number, settings));
  }

  #setAllowed(): void {
    const list = [...this.#peers.values()].flatMap(({ number, allowed }) =>
      [...allowed.values()].map(({ address, prefix }) => {
        return { peer: number, address: address.bytes, isV6: address.family === 6, length: prefix };
      }),
    );
    if (this.#core.setAllowed(list)) return;
    throw new NetError('ENOMEM', SET_PEER, { reason: 'too many allowed IPs' });
  }

  #syncRoutes(): Promise<void> {
    if (this.#options.routes === false) return Promise.resolve();
    return this.#routes.sync(
      [...this.#peers.values()].flatMap(({ allowed }) => [...allowed.keys()]),
    );
  }

  async removePeer(publicKey: string): Promise<void> {
    const action = 'Cannot remove a peer of WireGuard';
    const name = formatKey(readKey(action, 'public key', publicKey));
    this.#checkOpen(action);
    const peer = this.#peers.get(name);
    if (!peer) return;
    this.#peers.delete(name);
    this.#core.removePeer(peer.number);
    this.#setAllowed();
    await this.#syncRoutes();
  }

  async setPrivateKey(privateKey: string | Uint8Array): Promise<void> {
    const action = 'Cannot set the key of WireGuard';
    const key = readKey(action, 'private key', privateKey);
    this.#checkOpen(action);
    await this.#takeKey(key);
    // A peer with our own key is none.
    if (this.#peers.has(this.#publicKey)) await this.removePeer(this.#publicKey);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return this.closed;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#reader.releaseLock();
    this.#writer.releaseLock();
    await Promise.all(this.#transports.map((transport) => transport.stop()));
    // The stack may be gone already, and the tun with it.
    await this.#stack.removeInterface(this.tun).catch(() => {});
    await this.#routes.close();
    this.#releaseKey();
    this.#privateKey.fill(0);
    this.#core.wipe();
    this.#nested.length = 0;
    this.#closed.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
