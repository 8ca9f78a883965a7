// SPDX-License-Identifier: MIT
// dns_serve.test - a server on a network: what clients may use, which ones are ended, and closing

import {
  createDns,
  createZone,
  type DnsMessage,
  DnsServer,
  type DnsServerOptions,
  parseDnsMessage,
  serializeDnsMessage,
} from 'ringstack/dns';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { DnsFrames, frameDns } from '../../js/codec/dns_stream.ts';
import { CLIENT, SERVER } from '../helpers/dns_peer.ts';
import { MemoryNetwork } from '../helpers/memory_network.ts';

const made = (options: DnsServerOptions): DnsServer => new DnsServer(null, options);

const zone = createZone({ 'db.internal': '10.0.0.2', 'www.internal': 'db.internal' });

describe('over a network', () => {
  afterEach(() => void vi.useRealTimers());

  const hold = () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    return { held, release };
  };
  const question = serializeDnsMessage({ questions: [{ name: 'db.internal', type: 'A' }] });

  async function serving(options: DnsServerOptions) {
    const network = new MemoryNetwork();
    const server = new DnsServer(network.host(SERVER), options);
    await server.listen();
    const connect = () => network.host(CLIENT).tcp.connect({ host: SERVER, port: 53 });
    return { network, server, connect };
  }

  /** The first message that comes by a stream; undefined if it ends before. */
  async function first(connection: AsyncIterable<Uint8Array>): Promise<DnsMessage | undefined> {
    const frames = new DnsFrames();
    try {
      for await (const chunk of connection) {
        frames.push(chunk);
        const message = frames.next();
        if (message) return parseDnsMessage(message);
      }
    } catch {
      // reset
    }
    return undefined;
  }

  test('answers go back to where the query came from, by the way it came', async () => {
    const { network, server } = await serving({ zones: [zone] });
    const back: unknown[] = [];
    network.onDatagram = ({ data: _, ...to }) => {
      back.push(to);
      return true;
    };
    const extra = { local: { address: '10.0.0.53', port: 53 }, interface: 'tap0' };
    network.inject(
      { host: SERVER, port: 53 },
      { host: CLIENT, port: 1234, data: question, ...extra },
    );
    await vi.waitFor(() => expect(back).toEqual([{ host: CLIENT, port: 1234, ...extra }]));
    await server.close();
  });

  test('one client cannot take all: what is beyond its share is dropped, and others are answered', async () => {
    const { held, release } = hold();
    const { network, server } = await serving({
      limits: { pendingPerClient: 3, pending: 4 },
      request: async ({ type, remote }) => {
        if (remote.host === CLIENT) await held;
        return { type: 'A', ip: '10.0.0.1', ttl: type === 'A' ? 1 : 0 };
      },
    });
    const to = { host: SERVER, port: 53 };
    for (let i = 0; i < 10; i++)
      network.inject(to, { host: CLIENT, port: 1000 + i, data: question });
    await vi.waitFor(() => expect(server.statistics.droppedLimit).toBe(7));
    network.inject(to, { host: '10.0.0.2', port: 1, data: question });
    await vi.waitFor(() => expect(server.statistics.answers).toBe(1));
    release();
    await vi.waitFor(() => expect(server.statistics.answers).toBe(4));
    await server.close();
  });

  test('several queries on one connection are answered as each is ready', async () => {
    const { held, release } = hold();
    const { server, connect } = await serving({
      request: async ({ name }) => {
        if (name === 'slow.test') await held;
        return { type: 'A', ip: '10.0.0.1' };
      },
    });
    const connection = await connect();
    const writer = connection.writable.getWriter();
    for (const [id, name] of ['slow.test', 'fast.test'].entries()) {
      await writer.write(frameDns(serializeDnsMessage({ id, questions: [{ name, type: 'A' }] })));
    }
    expect(await first(connection)).toMatchObject({ id: 1 });
    release();
    expect(await first(connection)).toMatchObject({ id: 0 });
    await server.close();
  });

  test('a client that ends its side gets its answers, then the end', async () => {
    const { network, server, connect } = await serving({ zones: [zone] });
    const connection = await connect();
    const writer = connection.writable.getWriter();
    await writer.write(frameDns(question));
    await writer.close();
    const messages: Uint8Array[] = [];
    for await (const chunk of connection) messages.push(chunk);
    expect(messages).toHaveLength(1);
    await connection.close();
    await server.close();
    expect(network.open).toBe(0);
  });

  test.each<[string, Uint8Array[]]>([
    ['says nothing', []],
    [
      'sends bytes one by one, and never a whole message',
      Array.from({ length: 5 }, () => Uint8Array.of(1)),
    ],
    ['announces the longest message and stops', [Uint8Array.of(0xff, 0xff, 1)]],
  ])('a client that %s is ended when the time is over', async (_, chunks) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { network, server, connect } = await serving({ zones: [zone] });
    const connection = await connect();
    const writer = connection.writable.getWriter();
    for (const chunk of chunks) await writer.write(chunk);
    await vi.advanceTimersByTimeAsync(9999);
    expect(network.open).toBe(3);
    await vi.advanceTimersByTimeAsync(1);
    expect(await first(connection)).toBeUndefined();
    await connection.close();
    await server.close();
    expect(network.open).toBe(0);
  });

  test('a client that does not read is ended, and holds up no other', async () => {
    const big = createZone({ 'big.test': { type: 'TXT', value: 'x'.repeat(10_000) } });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { server, connect } = await serving({ zones: [big, zone] });
    const greedy = await connect();
    const writer = greedy.writable.getWriter();
    const query = frameDns(serializeDnsMessage({ questions: [{ name: 'big.test', type: 'TXT' }] }));
    const flooding = (async () => {
      for (let i = 0; i < 1000; i++) await writer.write(query);
    })();
    flooding.catch(() => {});
    await vi.advanceTimersByTimeAsync(10_000);
    await expect(flooding).rejects.toThrow();
    const other = await connect();
    await other.writable.getWriter().write(frameDns(question));
    expect(await first(other)).toMatchObject({ rcode: 'NOERROR' });
    await server.close();
  });

  test('what is no query ends the connection', async () => {
    const { server, connect } = await serving({ zones: [zone] });
    const connection = await connect();
    await connection.writable
      .getWriter()
      .write(frameDns(serializeDnsMessage({ isResponse: true })));
    expect(await first(connection)).toBeUndefined();
    await server.close();
  });

  test('connections beyond a limit are ended at once', async () => {
    const { network, server } = await serving({
      zones: [zone],
      limits: { connections: 3, connectionsPerClient: 2 },
    });
    const to = { host: SERVER, port: 53 };
    const from = (host: string) => network.host(host).tcp.connect(to);
    const open = [await from(CLIENT), await from(CLIENT), await from('10.0.0.2')];
    for (const host of [CLIENT, '10.0.0.3']) {
      const extra = await from(host);
      expect(await first(extra)).toBeUndefined();
    }
    for (const one of open) {
      await one.writable.getWriter().write(frameDns(question));
      expect(await first(one)).toMatchObject({ rcode: 'NOERROR' });
    }
    expect(server.statistics).toMatchObject({ connections: 3, droppedLimit: 2 });
    await server.close();
  });

  test('close() ends everything, and gives up what is being answered', async () => {
    let ended: AbortSignal | undefined;
    const { network, server, connect } = await serving({
      request: ({ signal }) => {
        ended = signal;
        return new Promise(() => {});
      },
    });
    const connection = await connect();
    await connection.writable.getWriter().write(frameDns(question));
    await vi.waitFor(() => expect(ended).toBeDefined());
    await Promise.all([server.close(), server.close()]);
    await server.closed;
    expect(ended?.aborted).toBe(true);
    expect(await first(connection)).toBeUndefined();
    await connection.close();
    expect(network.open).toBe(0);
    await expect(server.listen()).rejects.toMatchObject({ code: 'EBADF' });
  });

  test('a server whose socket ends is closed', async () => {
    const network = new MemoryNetwork();
    const { udp } = network.host(SERVER);
    const sockets: { close(): Promise<void> }[] = [];
    const watched = {
      open: async (options?: { port?: number }) => {
        const socket = await udp.open(options);
        sockets.push(socket);
        return socket;
      },
    };
    const server = new DnsServer(watched, { zones: [zone] });
    await server.listen();
    await sockets[0]?.close();
    await server.closed;
  });

  test('TCP that is asked for and not there, or taken, is an error that leaves nothing open', async () => {
    const network = new MemoryNetwork();
    const { udp, tcp } = network.host(SERVER);
    const { serve } = await createDns(udp);
    await expect(serve({ zones: [zone], tcp: true })).rejects.toMatchObject({ code: 'ENOTSUP' });
    await tcp.listen?.({ port: 53 });
    const both = await createDns({ udp, tcp });
    await expect(both.serve({ zones: [zone] })).rejects.toThrow('taken');
    expect(network.open).toBe(0);
    const plain = await both.serve({ zones: [zone], tcp: false });
    await plain.close();
    const given = await createDns(udp, { client: { tcp: network.host('10.0.0.99').tcp } });
    await (await given.serve({ zones: [zone], tcp: true })).close();
  });

  test.each<[string, DnsServerOptions]>([
    ['port', { port: 65_536 }],
    ['timeout', { timeout: 0 }],
    ['cache', { forward: () => new Uint8Array(), cache: -1 }],
    ['limits', { limits: { pending: 0 } }],
    [
      'a limit that there is not',
      { limits: { queries: 5 } as DnsServerOptions['limits'] as object },
    ],
    ['a forwarder', { forward: { ip: 'dns.test' } }],
    ['rebind', { rebind: ['a..b'] }],
  ])('%s out of range is refused', (_, options) => {
    expect(() => made(options)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});
