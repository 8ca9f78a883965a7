// SPDX-License-Identifier: MIT
// dns_client.test - lookups: their order, chains of names, types, the search list

import { type DnsClientOptions, Hosts } from 'ringstack/dns';
import { describe, expect, test, vi } from 'vitest';
import { clientOf, knows, record, soa, withPeer } from '../helpers/dns_peer.ts';
import { MemoryNetwork } from '../helpers/memory_network.ts';

describe('lookup()', () => {
  test('gives the IPv4 address, or that of the family that is asked for', async () => {
    const both = { 'a.test A': '10.0.0.2', 'a.test AAAA': 'fd00::2', 'six.test AAAA': 'fd00::3' };
    const client = clientOf(await withPeer(knows(both)));
    expect(await client.lookup('a.test')).toBe('10.0.0.2');
    expect(await client.lookup('a.test', { family: 6 })).toBe('fd00::2');
    expect(await client.lookup('six.test')).toBe('fd00::3');
    expect(await client.lookupAll('a.test')).toEqual([
      { address: '10.0.0.2', family: 4 },
      { address: 'fd00::2', family: 6 },
    ]);
    await expect(client.lookup('six.test', { family: 4 })).rejects.toMatchObject({
      code: 'ENODATA',
    });
    await expect(client.lookup('no.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('one family that is denied does not take the other away', async () => {
    const client = clientOf(
      await withPeer(({ questions: [question] }) =>
        question?.type === 'A'
          ? { answers: [record('a.test', { type: 'A', ip: '10.0.0.2' })] }
          : { rcode: 'NXDOMAIN' },
      ),
    );
    expect(await client.lookupAll('a.test')).toEqual([{ address: '10.0.0.2', family: 4 }]);
  });

  test('case and a dot at the end make no difference; names in other letters go as IDNA', async () => {
    const client = clientOf(
      await withPeer(knows({ 'a.test A': '10.0.0.2', 'xn--bcher-kva.test A': '10.0.0.3' })),
    );
    expect(await client.lookup('A.Test.')).toBe('10.0.0.2');
    expect(await client.lookup('BÜCHER.test')).toBe('10.0.0.3');
  });

  test.each(['', 'a..b', '.', `${'x'.repeat(64)}.test`, 'a b.test', 'ü/.test', 7 as never])(
    '%j is no name',
    async (name) => {
      const client = clientOf(await withPeer(knows({})));
      const code = name === '' || name === '.' ? 'ENOTFOUND' : 'EINVAL';
      await expect(client.lookup(name)).rejects.toMatchObject({ code });
    },
  );

  test('addresses, hosts and localhost are answered without a question', async () => {
    const network = new MemoryNetwork();
    const hosts = new Hosts('10.0.0.9 db.internal db\nfd00::9 db.internal\n');
    const client = clientOf(network, { hosts });
    expect(await client.lookup('10.0.0.7')).toBe('10.0.0.7');
    expect(await client.lookup('fe80::1%2')).toBe('fe80::1%2');
    await expect(client.lookup('::1', { family: 4 })).rejects.toMatchObject({ code: 'ENODATA' });
    expect(await client.lookup('DB.internal')).toBe('10.0.0.9');
    expect(await client.lookup('db.internal', { family: 6 })).toBe('fd00::9');
    expect(await client.reverse('fd00:0::9')).toBe('db.internal');
    expect(await client.lookup('app.localhost', { family: 6 })).toBe('::1');
    hosts.set('db', '10.0.0.10');
    expect(await client.lookup('db')).toBe('10.0.0.10');
    expect(network.datagrams).toBe(0);
  });

  test('names of .local go to mDNS, if there is one', async () => {
    const network = await withPeer(knows({ 'a.local A': '10.0.0.2' }));
    const lookup = vi.fn(async () => '192.168.1.9');
    expect(await clientOf(network, { mdns: { lookup } }).lookup('A.local')).toBe('192.168.1.9');
    expect(lookup).toHaveBeenCalledWith('a.local', { family: 4 });
    expect(network.datagrams).toBe(0);
    expect(await clientOf(network).lookup('a.local')).toBe('10.0.0.2');
  });
});

describe('chains of CNAME records', () => {
  test('inside one answer, records of others left out', async () => {
    const answers = [
      record('c.test', { type: 'A', ip: '10.0.0.3' }),
      record('a.test', { type: 'CNAME', cname: 'B.test' }),
      record('b.test', { type: 'CNAME', cname: 'c.test' }),
      record('evil.test', { type: 'A', ip: '6.6.6.6' }),
    ];
    const client = clientOf(await withPeer(() => ({ answers })));
    expect(await client.lookupAll('a.test', { family: 4 })).toEqual([
      { address: '10.0.0.3', family: 4 },
    ]);
    expect(await client.resolve('a.test', 'CNAME')).toHaveLength(1);
  });

  test('over several answers', async () => {
    const client = clientOf(
      await withPeer(({ questions: [question] }) => ({
        answers:
          question?.name === 'a.test'
            ? [record('a.test', { type: 'CNAME', cname: 'b.test' })]
            : [record('b.test', { type: 'A', ip: '10.0.0.2' })],
      })),
    );
    expect(await client.lookup('a.test')).toBe('10.0.0.2');
  });

  test.each([
    [
      'in one answer',
      [
        ['a.test', 'b.test'],
        ['b.test', 'a.test'],
      ],
    ],
    ['to itself', [['a.test', 'a.test']]],
  ])('a loop %s ends', async (_, pairs) => {
    const answers = pairs.map(([name = '', cname]) => record(name, { type: 'CNAME', cname }));
    const client = clientOf(await withPeer(() => ({ answers })));
    await expect(client.lookup('a.test')).rejects.toMatchObject({ name: 'NetError' });
  });

  test('a chain that never ends is given up', async () => {
    let queries = 0;
    const client = clientOf(
      await withPeer(({ questions: [question] }) => {
        queries++;
        const name = question?.name ?? '';
        return { answers: [record(name, { type: 'CNAME', cname: `x${name}` })] };
      }),
    );
    await expect(client.resolve('a.test', 'A')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    expect(queries).toBeLessThanOrEqual(16);
  });
});

describe('resolve() and query()', () => {
  test('every type is typed', async () => {
    const data = {
      MX: { type: 'MX', preference: 10, exchange: 'mx.test' },
      TXT: { type: 'TXT', value: 'hello' },
      SRV: { type: 'SRV', priority: 0, weight: 1, port: 5060, target: 'sip.test' },
      HTTPS: { type: 'HTTPS', priority: 1, target: '', params: { alpn: ['h3'] } },
    };
    const client = clientOf(
      await withPeer(({ questions: [question] }) => {
        const found = data[question?.type as keyof typeof data];
        return found ? { answers: [record('a.test', found)] } : { rcode: 'NOERROR' };
      }),
    );
    expect((await client.resolve('a.test', 'MX'))[0]?.exchange).toBe('mx.test');
    expect((await client.resolve('a.test', 'TXT'))[0]?.value).toBe('hello');
    expect((await client.resolve('a.test', 'SRV'))[0]?.port).toBe(5060);
    expect((await client.resolve('a.test', 'HTTPS'))[0]?.params.alpn).toEqual(['h3']);
    await expect(client.resolve('a.test', 'NS')).rejects.toMatchObject({ code: 'ENODATA' });
  });

  test('query() gives the response whatever it says, and knows no cache', async () => {
    const network = await withPeer(() => ({ rcode: 'NXDOMAIN', authorities: [soa('test')] }));
    const client = clientOf(network);
    for (let i = 0; i < 2; i++) {
      expect(await client.query({ name: 'a.test', type: 'A' })).toMatchObject({
        rcode: 'NXDOMAIN',
      });
    }
    expect(network.datagrams).toBe(4);
    await expect(client.query({ questions: [] })).rejects.toMatchObject({ code: 'EINVAL' });
  });

  test.each([
    ['NXDOMAIN', 'ENOTFOUND'],
    ['SERVFAIL', 'ESERVFAIL'],
    ['REFUSED', 'EREFUSED'],
    ['NOTIMP', 'ENOTSUP'],
    ['FORMERR', 'EPROTO'],
    ['YXDOMAIN', 'ESERVFAIL'],
  ] as const)('%s is %s', async (rcode, code) => {
    const client = clientOf(await withPeer(() => ({ rcode })));
    const failing = client.resolve('a.test', 'A');
    await expect(failing).rejects.toMatchObject({ code });
    await expect(failing).rejects.toThrow(
      `Cannot look up a.test: dns query failed with rcode: ${rcode}`,
    );
  });
});

describe('search list', () => {
  const asked = async (name: string, options: DnsClientOptions): Promise<string[]> => {
    const names: string[] = [];
    const network = await withPeer(({ questions: [question] }) => {
      if (question?.type === 'A') names.push(question.name);
      return { rcode: 'NXDOMAIN' };
    });
    await clientOf(network, options)
      .lookup(name)
      .catch(() => {});
    return names;
  };
  const search = ['one.test', 'two.test'];

  test.each([
    ['db', { search }, ['db.one.test', 'db.two.test', 'db']],
    ['db.x', { search }, ['db.x', 'db.x.one.test', 'db.x.two.test']],
    ['db.x', { search, ndots: 2 }, ['db.x.one.test', 'db.x.two.test', 'db.x']],
    ['db.', { search }, ['db']],
    ['db', {}, ['db']],
  ])('%s with %j', async (name, options, names) =>
    expect(await asked(name, options)).toEqual(names),
  );

  test('the first that exists counts; one without the type does not end the search', async () => {
    const client = clientOf(
      await withPeer(knows({ 'db.one.test AAAA': 'fd00::1', 'db.two.test A': '10.0.0.2' })),
      { search },
    );
    expect(await client.lookup('db')).toBe('10.0.0.2');
    await expect(client.lookup('no')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
