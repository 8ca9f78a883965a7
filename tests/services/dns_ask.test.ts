// SPDX-License-Identifier: MIT
// dns_ask.test - how name servers are asked: several, TCP, EDNS, and which answers are believed

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DnsClient, type DnsClientOptions, serializeDnsMessage } from 'ringstack/dns';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { CLIENT, clientOf, knows, peer, record, SERVER, withPeer } from '../helpers/dns_peer.ts';
import { MemoryNetwork } from '../helpers/memory_network.ts';

/** Waits for a promise while so much time passes at once. */
async function hurried<T>(promise: Promise<T>, ms: number): Promise<T> {
  promise.catch(() => {});
  await vi.advanceTimersByTimeAsync(ms);
  return promise;
}

describe('name servers', () => {
  afterEach(() => void vi.useRealTimers());
  const fake = (): void =>
    void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });

  test('one that fails, refuses or is silent is left for the next', async () => {
    fake();
    const network = new MemoryNetwork();
    const said = [{ rcode: 'SERVFAIL' }, { rcode: 'REFUSED' }, undefined] as const;
    const asked = [0, 0, 0, 0];
    for (const [i, say] of said.entries()) {
      await peer(network, `10.0.0.${i}`, () => {
        asked[i] = (asked[i] ?? 0) + 1;
        return say;
      });
    }
    await peer(network, '10.0.0.3', knows({ 'a.test A': '10.0.0.2', 'b.test A': '10.0.0.4' }));
    const nameServers = [0, 1, 2, 3].map((i) => ({ ip: `10.0.0.${i}` }));
    const client = clientOf(network, { nameServers });
    expect(await hurried(client.lookup('a.test'), 2000)).toBe('10.0.0.2');
    expect(await client.lookup('b.test')).toBe('10.0.0.4');
    // The silent one comes last for a while.
    expect(asked).toEqual([2, 2, 1, 0]);
    expect(client.statistics.timeouts).toBe(1);
    expect(network.open).toBe(said.length + 1);
  });

  test('silence is ETIMEDOUT after all attempts, the last one without EDNS', async () => {
    fake();
    const seen: boolean[] = [];
    const network = await withPeer(({ edns }) => void seen.push(edns !== undefined));
    const client = clientOf(network);
    await expect(hurried(client.lookup('a.test'), 6000)).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      message: 'Cannot look up A of a.test: no name server answered in time',
    });
    expect(seen).toEqual([true, true, false]);
    expect(network.open).toBe(1);
  });

  test('a datagram that is lost is sent again', async () => {
    fake();
    const network = await withPeer(knows({ 'a.test A': '10.0.0.2' }));
    let count = 0;
    network.onDatagram = () => count++ > 0;
    expect(await hurried(clientOf(network).lookup('a.test'), 2000)).toBe('10.0.0.2');
  });

  test('a server that does not know EDNS is asked without, and from then on at once', async () => {
    const seen: boolean[] = [];
    const network = await withPeer(({ edns, questions: [question] }) => {
      seen.push(edns !== undefined);
      if (edns) return { rcode: 'FORMERR', questions: [] };
      return { answers: [record(question?.name ?? '', { type: 'A', ip: '10.0.0.2' })] };
    });
    const client = clientOf(network);
    expect(await client.lookup('a.test')).toBe('10.0.0.2');
    expect(await client.lookup('b.test')).toBe('10.0.0.2');
    expect(seen).toEqual([true, false, false]);
  });

  test('EDNS offers 1232 bytes, or what the option says', async () => {
    const sizes: (number | undefined)[] = [];
    const network = await withPeer(({ edns }) => {
      sizes.push(edns?.udpSize);
      return { answers: [record('a.test', { type: 'A', ip: '10.0.0.2' })] };
    });
    for (const edns of [undefined, 4096, false] as const) {
      await clientOf(network, edns === undefined ? {} : { edns }).lookup('a.test');
    }
    expect(sizes).toEqual([1232, 4096, undefined]);
  });

  test('a truncated answer is fetched over TCP, and all is closed after', async () => {
    const answers = Array.from({ length: 300 }, (_, i) =>
      record('a.test', { type: 'A', ip: `10.0.${i >> 8}.${i & 255}` }),
    );
    const network = await withPeer((_, over) =>
      over === 'tcp' ? { answers } : { truncated: true },
    );
    const client = clientOf(network);
    expect(await client.lookupAll('a.test', { family: 4 })).toHaveLength(300);
    expect(client.statistics).toMatchObject({ queries: 2, streams: 1 });
  });

  test('without TCP, what came of a truncated answer counts, and no answer is not "no data"', async () => {
    const network = await withPeer(({ questions: [question] }) => ({
      truncated: true,
      answers: question?.name === 'a.test' ? [record('a.test', { type: 'A', ip: '10.0.0.2' })] : [],
    }));
    const client = new DnsClient(network.host(CLIENT).udp, { nameServer: { ip: SERVER } });
    expect(await client.lookup('a.test')).toBe('10.0.0.2');
    await expect(client.lookup('b.test')).rejects.toMatchObject({ code: 'ESERVFAIL' });
  });

  test('a function, and DNS over HTTPS', async () => {
    const answers = [record('a.test', { type: 'A', ip: '10.0.0.2' })];
    const questions = [{ name: 'a.test', type: 'A' }] as const;
    const bytes = serializeDnsMessage({ isResponse: true, questions, answers });
    let status = 200;
    const server = createServer((request, response) => {
      request.resume();
      const isQuery = request.headers['content-type'] === 'application/dns-message';
      response.writeHead(isQuery ? status : 415).end(bytes);
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const doh = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dns-query`;
    for (const nameServer of [() => bytes, { doh }]) {
      expect(await new DnsClient(null, { nameServer }).lookup('a.test')).toBe('10.0.0.2');
    }
    status = 500;
    const client = new DnsClient(null, { nameServer: { doh } });
    await expect(client.lookup('a.test')).rejects.toThrow('HTTP status 500');
    const wrong = new DnsClient(null, { nameServer: () => new Uint8Array(3) });
    await expect(wrong.lookup('a.test')).rejects.toMatchObject({ code: 'EPROTO' });
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(10_000)),
    });
    const flooding = { doh, fetch: async () => new Response(endless) };
    await expect(new DnsClient(null, { nameServer: flooding }).lookup('a.test')).rejects.toThrow(
      'longer than 65535',
    );
    const none = new DnsClient(null);
    await expect(none.lookup('a.test')).rejects.toMatchObject({ code: 'ENOTSUP' });
  });

  test.each<[string, DnsClientOptions]>([
    ['timeout', { timeout: 0 }],
    ['attempts', { attempts: 101 }],
    ['cache', { cache: -1 }],
    ['edns', { edns: 511 }],
    ['ndots', { ndots: 16 }],
    ['name servers', { nameServers: [] }],
    ['the address of a name server', { nameServer: { ip: 'dns.test' } }],
    ['the port of a name server', { nameServer: { ip: '10.0.0.1', port: 0 } }],
    ['the URL of a name server', { nameServer: { doh: 'dns.test' } }],
    ['search', { search: ['a..b'] }],
  ])('%s out of range is refused', (_, options) => {
    expect(() => new DnsClient(null, options)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});

describe('whoever answers in place of the server', () => {
  const answers = [record('a.test', { type: 'A', ip: '6.6.6.6' })];
  const questions = [{ name: 'a.test', type: 'A' }] as const;

  test.each<[string, (id: number) => { host?: string; port?: number; data: Uint8Array }, string]>([
    [
      'from another address',
      (id) => ({
        host: '10.0.0.66',
        data: serializeDnsMessage({ id, isResponse: true, questions, answers }),
      }),
      'droppedSource',
    ],
    [
      'from another port',
      (id) => ({
        port: 54,
        data: serializeDnsMessage({ id, isResponse: true, questions, answers }),
      }),
      'droppedSource',
    ],
    [
      'with another number',
      (id) => ({ data: serializeDnsMessage({ id: id ^ 1, isResponse: true, questions, answers }) }),
      'droppedQuestion',
    ],
    [
      'to another question',
      (id) => ({
        data: serializeDnsMessage({
          id,
          isResponse: true,
          questions: [{ name: 'b.test', type: 'A' }],
          answers,
        }),
      }),
      'droppedQuestion',
    ],
    [
      'without a question',
      (id) => ({ data: serializeDnsMessage({ id, isResponse: true, answers }) }),
      'droppedQuestion',
    ],
    [
      'with a query',
      (id) => ({ data: serializeDnsMessage({ id, questions, answers }) }),
      'droppedQuestion',
    ],
    [
      'with what is no message',
      () => ({ data: new Uint8Array(20).fill(0xff) }),
      'droppedMalformed',
    ],
  ])('%s is not believed', async (_, forge, counter) => {
    const network: MemoryNetwork = await withPeer((query, __, datagram) => {
      const { host = SERVER, port = 53, data } = forge(query.id);
      network.inject({ host: CLIENT, port: datagram?.port ?? 0 }, { host, port, data });
      return { answers: [record('a.test', { type: 'A', ip: '10.0.0.2' })] };
    });
    const client = clientOf(network);
    expect(await client.lookup('a.test')).toBe('10.0.0.2');
    expect(client.statistics).toMatchObject({ [counter]: 1 });
  });

  test('numbers and ports do not repeat, and do not follow each other', async () => {
    const ids: number[] = [];
    const network = await withPeer(({ id }) => {
      ids.push(id);
      return { answers: [] };
    });
    const client = clientOf(network, { cache: false });
    for (let i = 0; i < 100; i++) await client.query({ name: 'a.test', type: 'A' });
    const steps = ids.slice(1).map((id, i) => id - (ids[i] as number));
    expect(new Set(ids).size).toBeGreaterThan(90);
    expect(new Set(steps).size).toBeGreaterThan(90);
    expect(network.drawn).toHaveLength(100);
  });
});
