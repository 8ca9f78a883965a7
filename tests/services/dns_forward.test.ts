// SPDX-License-Identifier: MIT
// dns_forward.test - a server that asks others, and what it takes out of their answers

import {
  type DnsMessage,
  DnsServer,
  type DnsServerOptions,
  type Forwarder,
  parseDnsMessage,
  serializeDnsMessage,
} from 'ringstack/dns';
import { describe, expect, test } from 'vitest';
import { ask, peer, record, type Say, SERVER, short, soa } from '../helpers/dns_peer.ts';
import { MemoryNetwork } from '../helpers/memory_network.ts';

const made = (options: DnsServerOptions): DnsServer => new DnsServer(null, options);

describe('forwarding', () => {
  /** A forwarder that says what a peer would. */
  const through =
    (say: Say): Forwarder =>
    async (bytes) => {
      const query = parseDnsMessage(bytes);
      const said = (await say(query, 'udp')) as Partial<DnsMessage> | undefined;
      if (!said) throw new Error('silent');
      return serializeDnsMessage({
        id: query.id,
        isResponse: true,
        questions: query.questions,
        ...said,
      });
    };
  const address = (ip: string): Forwarder =>
    through(({ questions: [question] }) => ({
      answers: [record(question?.name ?? '', { type: 'A', ip })],
    }));

  test('to a server, with our own number and question, the case of the client kept', async () => {
    const network = new MemoryNetwork();
    const seen: DnsMessage[] = [];
    await peer(network, '9.9.9.9', (query) => {
      seen.push(query);
      return {
        answers: [record('a.test', { type: 'A', ip: '10.1.1.1' })],
        recursionAvailable: true,
      };
    });
    const server = new DnsServer(network.host(SERVER), { forward: { ip: '9.9.9.9' } });
    const edns = { options: [{ code: 8, data: new Uint8Array(7) }], dnssecOk: true };
    const response = await ask(server, 'A.TEST', 'A', { edns, checkingDisabled: true });
    expect(response).toMatchObject({ authoritative: false, recursionAvailable: true, id: 7 });
    expect(response.answers).toMatchObject([{ name: 'A.TEST', ip: '10.1.1.1' }]);
    expect(seen[0]).toMatchObject({
      recursionDesired: true,
      checkingDisabled: true,
      questions: [{ name: 'a.test' }],
      edns: { dnssecOk: true, options: [] },
    });
    await server.close();
  });

  test('unknown types pass as they are', async () => {
    const data = Uint8Array.of(1, 2, 3);
    const server = made({
      forward: through(() => ({ answers: [record('a.test', { type: 'TYPE65400', data })] })),
    });
    expect((await ask(server, 'a.test', 'TYPE65400')).answers).toMatchObject([{ data }]);
  });

  test('answers are kept; equal questions at a time are one', async () => {
    let asked = 0;
    const server = made({
      forward: through(() => {
        asked++;
        return { answers: [record('a.test', { type: 'A', ip: '9.9.9.9' })] };
      }),
    });
    await Promise.all(Array.from({ length: 20 }, () => ask(server, 'a.test')));
    await ask(server, 'A.test');
    expect(asked).toBe(1);
    await ask(server, 'a.test', 'A', { edns: { dnssecOk: true } });
    expect(asked).toBe(2);
  });

  test('the next one is asked when one fails; when all fail there is an answer all the same', async () => {
    const bad: Forwarder[] = [
      through(() => undefined),
      through(() => ({ rcode: 'SERVFAIL' })),
      { doh: 'https://dns.test/', fetch: () => Promise.reject(new TypeError('offline')) },
      () => new Uint8Array(2),
    ];
    expect(short(await ask(made({ forward: [...bad, address('9.9.9.9')] }), 'a.test'))).toBe(
      'NOERROR A=9.9.9.9',
    );
    for (const forward of bad)
      expect(short(await ask(made({ forward }), 'a.test'))).toBe('SERVFAIL');
    const silent = made({ forward: () => new Promise(() => {}), timeout: 1 });
    expect(short(await ask(silent, 'a.test'))).toBe('SERVFAIL');
  });

  test('no such name passes with what says how long', async () => {
    const server = made({
      forward: through(() => ({ rcode: 'NXDOMAIN', authorities: [soa('test')] })),
    });
    expect(await ask(server, 'no.test')).toMatchObject({
      rcode: 'NXDOMAIN',
      authorities: [{ type: 'SOA' }],
    });
  });

  describe('rebinding', () => {
    test.each([
      '10.0.0.1',
      '127.0.0.1',
      '169.254.169.254',
      '192.168.1.1',
      '0.0.0.0',
      '100.64.0.1',
      '224.0.0.1',
      '255.255.255.255',
    ])('%s is taken out of an answer for a public name', async (ip) => {
      expect(short(await ask(made({ forward: address(ip) }), 'evil.example'))).toBe('NOERROR');
      expect(
        short(await ask(made({ forward: address(ip), rebind: 'allow' }), 'evil.example')),
      ).toBe(`NOERROR A=${ip}`);
    });

    test.each([
      'fd00::1',
      'fe80::1',
      '::1',
      '::',
      '::ffff:10.0.0.1',
      '64:ff9b::7f00:1',
      '2002:a00:1::',
      'ff02::1',
    ])('%s too', async (ip) => {
      const forward = through(() => ({ answers: [record('evil.example', { type: 'AAAA', ip })] }));
      expect(short(await ask(made({ forward }), 'evil.example', 'AAAA'))).toBe('NOERROR');
    });

    test('public addresses beside it stay, and hints are filtered', async () => {
      const forward = through(({ questions: [question] }) => ({
        answers:
          question?.type === 'HTTPS'
            ? [
                record('evil.example', {
                  type: 'HTTPS',
                  priority: 1,
                  target: '',
                  params: { port: 8443, ipv4hint: ['10.0.0.1', '9.9.9.9'], ipv6hint: ['::1'] },
                }),
              ]
            : ['10.0.0.1', '9.9.9.9'].map((ip) => record('evil.example', { type: 'A', ip })),
      }));
      const server = made({ forward });
      expect(short(await ask(server, 'evil.example'))).toBe('NOERROR A=9.9.9.9');
      const [https] = (await ask(server, 'evil.example', 'HTTPS')).answers;
      expect(https).toMatchObject({ params: { port: 8443, ipv4hint: ['9.9.9.9'] } });
      expect(https?.type === 'HTTPS' && 'ipv6hint' in https.params).toBe(false);
    });

    test('names that are private, and those in the list, may have them', async () => {
      const server = made({ forward: address('10.0.0.1'), rebind: ['corp.example'] });
      for (const name of ['a.internal', 'nas', 'a.home.arpa', 'corp.example', 'x.Corp.Example']) {
        expect(short(await ask(server, name))).toBe('NOERROR A=10.0.0.1');
      }
      expect(short(await ask(server, 'xcorp.example'))).toBe('NOERROR');
    });
  });
});
