// SPDX-License-Identifier: MIT
// forward - ports outside that lead to a guest
//
// A connection outside is accepted when it comes, since no listener can hold it; if the guest refuses, it is reset. A
// datagram's client has a socket of the stack of its own, so the guest can tell clients apart and answers find back.

import type {
  Datagram,
  DatagramSocket,
  StreamConnection,
  StreamListener,
} from '../api/transport.ts';
import type { UdpSocket } from '../api/udp.ts';
import { NetError } from '../errors.ts';
import { formatEndpoint, parseIp } from '../util/address.ts';
import { show } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import type { Flow } from './book.ts';
import type { Core } from './core.ts';
import type { Forward, ForwardOptions, ForwardPlan } from './forward_types.ts';
import { proxyHeader } from './proxy_protocol.ts';
import { relay, reset } from './relay.ts';
import type { FlowEnd } from './types.ts';

/** The stack that guests are reached by. */
export interface ForwardStack {
  connectTcp(options: {
    host: string;
    port: number;
    timeout?: number;
  }): Promise<StreamConnection & { localAddress?: string; localPort?: number }>;
  openUdp(options: { remote: { host: string; port: number } }): Promise<UdpSocket>;
}

const ACTION = 'Cannot forward';

const bad = (text: string): NetError =>
  new NetError('EINVAL', `${ACTION} ${show(text)}`, {
    reason: 'must be [address:]port:[guest:]port, with /tcp or /udp behind it or nothing',
  });

/**
 * Reads a forwarded port as programs write it: `2222:22`, `127.0.0.1:8080:80`, `8080:vm:80`, `[::1]:53:10.0.0.5:53/udp`.
 *
 * @param text - `[address:]port:[guest:]port`, with `/tcp` or `/udp` behind it or nothing. IPv6 is in brackets.
 * @returns Its parts; without a guest, `to.host` is empty.
 * @throws NetError EINVAL if it is none.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseForward } from 'ringstack/gateway';
 *
 * assert.deepEqual(parseForward('127.0.0.1:8080:80/udp'), {
 *   protocol: 'udp',
 *   host: '127.0.0.1',
 *   port: 8080,
 *   to: { host: '', port: 80 },
 * });
 * assert.throws(() => parseForward('8080'), { code: 'EINVAL' });
 * ```
 */
export function parseForward(text: string): ForwardPlan {
  const match = /^(.*?)(?:\/(tcp|udp))?$/.exec(text);
  const parts = match?.[1]?.match(/\[[^\]]*\]|[^:]+/g) ?? [];
  if (parts.join(':') !== match?.[1]) throw bad(text);
  const isPort = (part: string | undefined): boolean => {
    return part !== undefined && /^\d{1,5}$/.test(part) && Number(part) <= 65_535;
  };
  const port = (part: string | undefined, least: number): number => {
    if (!isPort(part) || Number(part) < least) throw bad(text);
    return Number(part);
  };
  const name = (part: string | undefined): string => {
    if (part === undefined || isPort(part)) throw bad(text);
    const bare = part.replace(/^\[(.*)\]$/, '$1');
    if (bare !== part || /^[\d.]+$/.test(bare)) parseIp(bare);
    return bare;
  };
  const hasHost = parts.length === 4 || (parts.length === 3 && !isPort(parts[0]));
  const at = hasHost ? 1 : 0;
  const guest = parts.length - at === 3 ? name(parts[at + 1]) : '';
  if (parts.length - at !== (guest ? 3 : 2)) throw bad(text);
  return {
    protocol: match?.[2] === 'udp' ? 'udp' : 'tcp',
    host: hasHost ? name(parts[0]) : '127.0.0.1',
    port: port(parts[at], 0),
    to: { host: guest, port: port(parts.at(-1), 1) },
  };
}

/** The parts that all forwarded ports of a gateway share. */
export interface ForwardContext {
  readonly core: Core;
  readonly stack: ForwardStack;
  /** Address of a guest by name or address; throws if there is none. */
  readonly resolve: (host: string) => string;
}

/** A forwarded port. */
export abstract class PortForward implements Forward {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number | undefined;
  readonly closed: Promise<void>;
  protected readonly over = new Deferred();
  protected readonly to: { readonly host: string; readonly port: number };
  protected readonly context: ForwardContext;
  protected readonly flows = new Set<Flow>();
  protected isClosed = false;

  constructor(
    context: ForwardContext,
    protocol: 'tcp' | 'udp',
    to: { host: string; port: number },
    port: number | undefined,
  ) {
    this.context = context;
    this.protocol = protocol;
    this.to = to;
    this.port = port;
    this.closed = this.over.promise;
  }

  /** Flows that are open. */
  get flowCount(): number {
    return this.flows.size;
  }

  protected abstract stop(): Promise<void>;

  /** The guest, now. */
  protected guest(): FlowEnd {
    const { core, resolve } = this.context;
    return core.guest(resolve(this.to.host), this.to.port);
  }

  async close(): Promise<void> {
    if (this.isClosed) return this.closed;
    this.isClosed = true;
    for (const flow of [...this.flows]) flow.end(new NetError('ESHUTDOWN', ACTION));
    await this.stop().catch(() => {});
    this.over.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A port of TCP. */
class TcpForward extends PortForward {
  readonly #listener: StreamListener;
  readonly #proxy: 1 | 2 | undefined;

  constructor(context: ForwardContext, listener: StreamListener, options: ForwardOptions) {
    super(context, 'tcp', options.to, listener.port);
    this.#listener = listener;
    this.#proxy = options.proxyProtocol;
    void this.#run().then(
      () => this.close(),
      () => this.close(),
    );
  }

  protected async stop(): Promise<void> {
    await this.#listener.close?.();
  }

  async #run(): Promise<void> {
    for await (const client of this.#listener) {
      if (this.isClosed) reset(client);
      else void this.#serve(client);
    }
  }

  async #serve(client: StreamConnection): Promise<void> {
    const { core, stack } = this.context;
    const source = { address: client.remoteAddress ?? '', port: client.remotePort ?? 0 };
    let flow: Flow | undefined;
    let failure: unknown;
    try {
      const destination = this.guest();
      flow = core.book.open('tcp', 'in', source, destination);
      if (!flow) throw new NetError('EMFILE', ACTION, { reason: 'too many flows' });
      this.flows.add(flow);
      flow.end = (reason) => reset(client, reason);
      const { address: host, port } = destination;
      const near = await stack.connectTcp({ host, port, timeout: core.connectTimeout });
      const open = flow;
      open.end = (reason) => {
        reset(client, reason);
        reset(near, reason);
      };
      if (this.isClosed) open.end(new NetError('ESHUTDOWN', ACTION));
      core.book.opened(open);
      if (this.#proxy) {
        const writer = near.writable.getWriter();
        await writer.write(proxyHeader(this.#proxy, source, client, destination));
        writer.releaseLock();
      }
      await relay(client, near, {
        out: (bytes) => core.book.count(open, 'bytesOut', bytes),
        back: (bytes) => core.book.count(open, 'bytesIn', bytes),
      });
    } catch (error) {
      failure = error;
      reset(client, error);
      if (flow?.state === 'connecting') core.failed('tcp', source, flow.destination, error);
    } finally {
      if (flow) {
        this.flows.delete(flow);
        core.book.close(flow, failure);
      }
    }
  }
}

/** A client of a forwarded port of UDP. */
interface Client {
  readonly flow: Flow;
  socket?: UdpSocket;
}

/** A port of UDP. */
class UdpForward extends PortForward {
  readonly #outside: DatagramSocket;
  readonly #back: WritableStreamDefaultWriter<Datagram>;
  readonly #clients = new Map<string, Client>();

  constructor(context: ForwardContext, outside: DatagramSocket, options: ForwardOptions) {
    const { localPort } = outside as { localPort?: number };
    super(context, 'udp', options.to, localPort);
    this.#outside = outside;
    this.#back = outside.writable.getWriter();
    this.#back.closed.catch(() => {});
    void this.#run().then(
      () => this.close(),
      () => this.close(),
    );
  }

  protected async stop(): Promise<void> {
    await this.#outside.close();
  }

  async #run(): Promise<void> {
    for await (const datagram of this.#outside) {
      if (this.isClosed) return;
      await this.#take(datagram).catch(() => void this.context.core.book.statistics.failed++);
    }
  }

  async #take({ host, port, data }: Datagram): Promise<void> {
    const key = `${host} ${port}`;
    const client = this.#clients.get(key) ?? (await this.#open(key, host, port));
    if (!client?.socket) return;
    this.context.core.book.count(client.flow, 'bytesOut', data.length);
    await client.socket.send(data);
  }

  async #open(key: string, address: string, port: number): Promise<Client | undefined> {
    const { core, stack } = this.context;
    const destination = this.guest();
    const flow = core.book.open('udp', 'in', { address, port }, destination);
    if (!flow) return undefined;
    const client: Client = { flow };
    this.#clients.set(key, client);
    this.flows.add(flow);
    flow.end = () => {
      this.#clients.delete(key);
      this.flows.delete(flow);
      client.socket?.close().catch(() => {});
      core.book.close(flow);
    };
    try {
      client.socket = await stack.openUdp({
        remote: { host: destination.address, port: destination.port },
      });
    } catch (error) {
      flow.end(error);
      throw error;
    }
    core.book.opened(flow);
    void this.#answer(client, address, port);
    return client;
  }

  async #answer({ flow, socket }: Client, host: string, port: number): Promise<void> {
    for (;;) {
      try {
        const { data } = await (socket as UdpSocket).receive();
        this.context.core.book.count(flow, 'bytesIn', data.length);
        if ((this.#back.desiredSize ?? 0) > 0)
          this.#back.write({ host, port, data }).catch(() => {});
        else this.context.core.book.statistics.limited++;
      } catch (error) {
        // The guest has no such port: it may have one later.
        if ((error as NetError).code === 'ECONNREFUSED') continue;
        flow.end(error);
        return;
      }
    }
  }
}

/**
 * Forwards a port.
 *
 * @param context - Of the gateway.
 * @param options - Listener and guest.
 * @returns The forwarded port, open.
 * @throws NetError EINVAL, or the transport's error.
 */
export async function forwardPort(
  context: ForwardContext,
  options: ForwardOptions,
): Promise<PortForward> {
  const { listen, to, proxyProtocol } = options;
  const { port } = to ?? {};
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65_535) {
    throw new NetError('EINVAL', `${ACTION} to port ${show(port)}`, {
      reason: 'must be a whole number from 1 to 65535',
    });
  }
  if (proxyProtocol !== undefined && proxyProtocol !== 1 && proxyProtocol !== 2) {
    throw new NetError('EINVAL', `${ACTION} with proxyProtocol ${show(proxyProtocol)}`, {
      reason: 'must be 1 or 2',
    });
  }
  if ('writable' in listen) return new UdpForward(context, listen, options);
  if (!('transport' in listen)) return new TcpForward(context, listen, options);
  const { transport, host, port: at } = listen;
  const where = { ...(host !== undefined && { host }), port: at };
  if (listen.protocol === 'udp') {
    if (!('open' in transport)) {
      throw new NetError('ENOTSUP', ACTION, { reason: 'the transport has no datagrams' });
    }
    return new UdpForward(context, await transport.open(where), options);
  }
  if (!('listen' in transport) || !transport.listen) {
    throw new NetError('ENOTSUP', ACTION, { reason: 'the transport cannot listen' });
  }
  return new TcpForward(context, await transport.listen(where), options);
}

/** The text of a forwarded port, for messages. */
export const formatForward = ({ host, port, to }: ForwardPlan): string =>
  `${formatEndpoint(parseIp(host), port)} to ${to.host || 'the guest'}:${to.port}`;
