// SPDX-License-Identifier: MIT
// dns_server.test - answers of a server: its sources and their order, what is no question, and sizes

import {
  createDns,
  createZone,
  type DnsMessage,
  DnsServer,
  type DnsServerOptions,
  Hosts,
  parseDnsMessage,
  serializeDnsMessage,
} from 'ringstack/dns';
import { describe, expect, test, vi } from 'vitest';
import { ask, CLIENT, record, SERVER, short, soa } from '../helpers/dns_peer.ts';
import { MemoryNetwork } from '../helpers/memory_network.ts';

const made = (options: DnsServerOptions): DnsServer => new DnsServer(null, options);

const zone = createZone({ 'db.internal': '10.0.0.2', 'www.internal': 'db.internal' });

describe('sources', () => {
  test('hosts, then zones, then the function, then others', async () => {
    const hosts = new Hosts({ 'db.internal': '10.0.0.1' });
    const server = made({
      hosts,
      zones: [zone],
      request: ({ name, type }) =>
        name === 'fn.test' && type === 'A' ? { type, ip: '10.0.0.3' } : undefined,
      forward: (bytes) => {
        const { id, questions } = parseDnsMessage(bytes);
        const answers = [record(questions[0]?.name ?? '', { type: 'A', ip: '9.9.9.9' })];
        return serializeDnsMessage({ id, isResponse: true, questions, answers });
      },
    });
    expect(short(await ask(server, 'db.internal'))).toBe('NOERROR A=10.0.0.1');
    expect(short(await ask(server, 'db.internal', 'AAAA'))).toBe('NOERROR');
    expect(short(await ask(server, '1.0.0.10.in-addr.arpa', 'PTR'))).toBe(
      'NOERROR PTR=db.internal',
    );
    hosts.delete('db.internal');
    expect(short(await ask(server, 'db.internal'))).toBe('NOERROR A=10.0.0.2');
    expect(short(await ask(server, 'no.internal'))).toBe('NXDOMAIN');
    expect(short(await ask(server, 'fn.test'))).toBe('NOERROR A=10.0.0.3');
    expect(short(await ask(server, 'other.test'))).toBe('NOERROR A=9.9.9.9');
  });

  test('a zone answers with authority, and says for how long what is not there is not', async () => {
    const server = made({ zones: [zone] });
    expect(await ask(server, 'db.internal', 'TXT')).toMatchObject({
      rcode: 'NOERROR',
      authoritative: true,
      recursionAvailable: false,
      authorities: [{ type: 'SOA', name: 'internal' }],
    });
    expect(await ask(server, 'no.internal')).toMatchObject({
      rcode: 'NXDOMAIN',
      authorities: [{ type: 'SOA' }],
    });
    expect(await ask(server, 'example.com')).toMatchObject({
      rcode: 'REFUSED',
      authoritative: false,
    });
  });

  test('the zone with the longest origin counts', async () => {
    const inner = createZone({ 'a.db.internal': '10.0.0.9' }, { origin: 'db.internal' });
    const server = made({ zones: [zone, inner] });
    expect(short(await ask(server, 'a.db.internal'))).toBe('NOERROR A=10.0.0.9');
  });

  test('a CNAME is followed through all sources, and loops end', async () => {
    const aliases = createZone({
      'a.alias': 'www.internal',
      'b.alias': 'fn.test',
      'c.alias': 'd.alias',
      'd.alias': 'c.alias',
      'e.alias': 'nowhere.test',
    });
    const server = made({
      zones: [zone, aliases],
      request: ({ name, type }) =>
        name === 'fn.test' && type === 'A' ? { type, ip: '10.0.0.3' } : undefined,
    });
    expect(short(await ask(server, 'a.alias'))).toBe(
      'NOERROR CNAME=www.internal CNAME=db.internal A=10.0.0.2',
    );
    expect(short(await ask(server, 'b.alias'))).toBe('NOERROR CNAME=fn.test A=10.0.0.3');
    expect(short(await ask(server, 'c.alias'))).toBe('NOERROR CNAME=d.alias CNAME=c.alias');
    expect(short(await ask(server, 'e.alias'))).toBe('NXDOMAIN CNAME=nowhere.test');
    expect(short(await ask(server, 'a.alias', 'CNAME'))).toBe('NOERROR CNAME=www.internal');
  });

  test('a name that the function has one address of exists for all types', async () => {
    const server = made({
      request: ({ name, type }) => {
        if (name === 'four.test' && type === 'A') return { type, ip: '10.0.0.4' };
        if (name === 'six.test' && type === 'AAAA') return [{ type, ip: 'fd00::6' }];
        return undefined;
      },
    });
    expect(short(await ask(server, 'four.test', 'AAAA'))).toBe('NOERROR');
    expect(short(await ask(server, 'four.test', 'SRV'))).toBe('NOERROR');
    expect(short(await ask(server, 'six.test', 'A'))).toBe('NOERROR');
    expect(short(await ask(server, 'no.test', 'AAAA'))).toBe('NXDOMAIN');
  });

  test('the function is given what it needs, and may return an answer in full', async () => {
    const seen: unknown[] = [];
    const server = made({
      request: ({ name, type, remote, transport, signal }) => {
        seen.push(name, type, remote, transport, signal.aborted);
        return { rcode: 'NXDOMAIN', authorities: [soa('test')] };
      },
    });
    const response = await ask(server, 'ExAmple.COM', 'TYPE1234', {}, 'udp');
    expect(seen).toEqual(['example.com', 'TYPE1234', { host: '', port: 0 }, 'udp', false]);
    expect(response).toMatchObject({
      rcode: 'NXDOMAIN',
      questions: [{ name: 'ExAmple.COM' }],
      authorities: [{ type: 'SOA' }],
    });
  });

  test.each<[string, DnsServerOptions['request']]>([
    ['throws', () => Promise.reject(new Error('no'))],
    ['returns what cannot be written', () => ({ type: 'A', ip: 'example.com' })],
  ])('a function that %s is SERVFAIL, and the log has the reason', async (_, request) => {
    const log = vi.fn();
    const server = made({ ...(request && { request }), log });
    expect(await ask(server, 'a.test')).toMatchObject({ rcode: 'SERVFAIL', id: 7 });
    expect(log).toHaveBeenCalledWith(
      expect.objectContaining({ name: 'a.test', rcode: 'SERVFAIL', error: expect.any(Error) }),
    );
    expect(server.statistics.failed).toBe(1);
  });

  test('a function that does not return is SERVFAIL when the time is over, and its signal is aborted', async () => {
    let ended: AbortSignal | undefined;
    const server = made({
      timeout: 1,
      request: ({ signal }) => {
        ended = signal;
        return new Promise(() => {});
      },
    });
    expect(short(await ask(server, 'a.test'))).toBe('SERVFAIL');
    expect(ended?.aborted).toBe(true);
  });
});

describe('queries that are not to be looked up', () => {
  const server = made({ zones: [zone] });
  const questions = [{ name: 'db.internal', type: 'A' }] as const;

  test.each<[Partial<DnsMessage>, string]>([
    [{ questions: [] }, 'FORMERR'],
    [{ questions: [...questions, ...questions] }, 'FORMERR'],
    [
      {
        questions: Array.from({ length: 100 }, () => ({
          name: 'x'.repeat(60),
          type: 'A' as const,
        })),
      },
      'FORMERR',
    ],
    [{ opcode: 'NOTIFY' }, 'NOTIMP'],
    [{ opcode: 'OPCODE15' }, 'NOTIMP'],
    [{ edns: { version: 1 } }, 'BADVERS'],
    [{ questions: [{ name: 'version.bind', type: 'TXT', class: 'CH' }] }, 'REFUSED'],
    [{ questions: [{ name: 'internal', type: 'AXFR' }] }, 'REFUSED'],
    [{ questions: [{ name: 'internal', type: 'OPT' }] }, 'FORMERR'],
  ])('%j: %s', async (query, rcode) => {
    for (const transport of ['udp', 'tcp'] as const) {
      const response = await ask(server, 'db.internal', 'A', query, transport);
      expect(response).toMatchObject({ rcode, id: 7, isResponse: true, answers: [] });
    }
  });

  test('bytes behind a header that cannot be parsed: FORMERR', async () => {
    const bytes = Uint8Array.from([1, 2, 1, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0xff]);
    expect(parseDnsMessage(await server.answer(bytes))).toMatchObject({
      id: 0x102,
      rcode: 'FORMERR',
    });
  });

  test.each([
    ['a response', serializeDnsMessage({ isResponse: true, questions })],
    [
      'a response that cannot be parsed',
      Uint8Array.from([1, 2, 0x81, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0xff]),
    ],
    ['less than a header', new Uint8Array(5)],
  ])('%s gets no answer', async (_, bytes) => {
    await expect(server.answer(bytes)).rejects.toMatchObject({ code: 'EPROTO' });
  });
});

describe('sizes', () => {
  const many = createZone({ 'many.test': Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`) });
  const server = made({ zones: [many] });

  test.each<[string, Partial<DnsMessage>, number]>([
    ['without EDNS', {}, 512],
    ['with a size below 512', { edns: { udpSize: 100 } }, 512],
    ['with 800', { edns: { udpSize: 800 } }, 800],
    ['with 65535', { edns: { udpSize: 65_535 } }, 1232],
  ])('an answer by datagram %s', async (_, query, limit) => {
    const bytes = serializeDnsMessage({ questions: [{ name: 'many.test', type: 'A' }], ...query });
    const response = await server.answer(bytes, { transport: 'udp' });
    expect(response.length).toBeLessThanOrEqual(limit);
    expect(response.length).toBeGreaterThan(limit - 40);
    const message = parseDnsMessage(response);
    expect(message.truncated).toBe(true);
    expect(message.edns !== undefined).toBe(query.edns !== undefined);
  });

  test('an answer by stream is whole', async () => {
    expect(await ask(server, 'many.test')).toMatchObject({ truncated: false });
    expect((await ask(server, 'many.test')).answers).toHaveLength(100);
  });

  test('a client fetches it by itself', async () => {
    const network = new MemoryNetwork();
    const at = await createDns(network.host(SERVER));
    const serving = await at.serve({ zones: [many] });
    const { lookupAll } = await createDns(network.host(CLIENT), {
      client: { nameServer: { ip: SERVER } },
    });
    expect(await lookupAll('many.test', { family: 4 })).toHaveLength(100);
    expect(serving.statistics).toMatchObject({ truncated: 1, connections: 1 });
    await at.close();
    await serving.closed;
    expect(network.open).toBe(0);
  });
});
