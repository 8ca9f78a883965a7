// SPDX-License-Identifier: MIT
// dns_zone.test - zones and hosts: what exists, what has no data, wildcards, pointers

import {
  createZone,
  formatHosts,
  Hosts,
  parseHosts,
  type ZoneOptions,
  type ZoneValue,
} from 'ringstack/dns';
import { describe, expect, test } from 'vitest';

const INTERNAL = {
  internal: '10.0.0.1',
  'db.internal': ['10.0.0.2', 'fd00::2'],
  'www.internal': 'db.internal',
  'host.deep.tree.internal': '10.0.0.4',
  '*.dev.internal': ['10.0.0.3', 'fd00::3'],
  'one.dev.internal': { type: 'TXT', value: 'own' },
  'empty.internal': [],
} as const;

const zone = createZone(INTERNAL);

/** Answer of a zone, in short: types, or why there are none. */
const says = (
  name: string,
  type: 'A' | 'AAAA' | 'TXT' | 'SOA' | 'ANY' | 'PTR' | 'CNAME',
): string => {
  const found = zone.find(name, type);
  if (found === undefined) return 'not ours';
  if (!found.exists) return 'no such name';
  return found.records.map((record) => record.type).join(' ') || 'no data';
};

describe('Zone', () => {
  test.each([
    ['db.internal', 'A', 'A'],
    ['DB.Internal', 'AAAA', 'AAAA'],
    ['db.internal', 'ANY', 'A AAAA'],
    ['db.internal', 'TXT', 'no data'],
    ['www.internal', 'A', 'CNAME'],
    ['www.internal', 'CNAME', 'CNAME'],
    ['www.internal', 'TXT', 'CNAME'],
    ['no.internal', 'A', 'no such name'],
    ['no.db.internal', 'A', 'no such name'],
    ['empty.internal', 'A', 'no data'],
    ['internal', 'A', 'A'],
    ['internal', 'SOA', 'SOA'],
    ['internal', 'ANY', 'SOA A'],
    ['internal', 'TXT', 'no data'],
    // Names that exist only because others are below them.
    ['deep.tree.internal', 'A', 'no data'],
    ['tree.internal', 'A', 'no data'],
    ['other.tree.internal', 'A', 'no such name'],
    // A wildcard stands for what is not there, at any depth, and for nothing that is.
    ['x.dev.internal', 'A', 'A'],
    ['x.y.dev.internal', 'AAAA', 'AAAA'],
    ['x.dev.internal', 'TXT', 'no data'],
    ['one.dev.internal', 'A', 'no data'],
    ['x.one.dev.internal', 'A', 'no such name'],
    ['dev.internal', 'A', 'no data'],
    ['*.dev.internal', 'A', 'A'],
    ['example.com', 'A', 'not ours'],
    ['xinternal', 'A', 'not ours'],
    ['', 'A', 'not ours'],
    ['2.0.0.10.in-addr.arpa', 'PTR', 'PTR'],
    ['2.0.0.10.IN-ADDR.arpa', 'A', 'no data'],
    ['9.0.0.10.in-addr.arpa', 'PTR', 'not ours'],
  ] as const)('%s %s: %s', (name, type, result) => expect(says(name, type)).toBe(result));

  test('records have the name that was asked for, and the TTL of the zone unless their own', () => {
    const own = createZone(
      { 'a.test': ['10.0.0.1', { type: 'A', ip: '10.0.0.2', ttl: 5 }] },
      { ttl: 77 },
    );
    const records = own.find('A.Test', 'A')?.records;
    expect(records).toEqual([
      { name: 'A.Test', type: 'A', class: 'IN', ttl: 77, ip: '10.0.0.1' },
      { name: 'A.Test', type: 'A', class: 'IN', ttl: 5, ip: '10.0.0.2' },
    ]);
  });

  test('the SOA is what the options say, and its number grows with each change', () => {
    const live = createZone(
      { 'a.test': '10.0.0.1' },
      { soa: { serial: 41, minimum: 5, mname: 'ns.test' } },
    );
    expect(live.find('b.a.test', 'A')?.soa).toMatchObject({
      name: 'a.test',
      mname: 'ns.test',
      rname: 'hostmaster.a.test',
      serial: 41,
      minimum: 5,
      ttl: 5,
    });
    live.set('b.a.test', '10.0.0.2');
    expect(live.find('b.a.test', 'A')?.soa.serial).toBe(42);
    expect(live.delete('B.a.test.')).toBe(true);
    expect(live.delete('b.a.test')).toBe(false);
    expect(live.find('b.a.test', 'A')).toMatchObject({ exists: false, soa: { serial: 43 } });
  });

  test('what is removed leaves nothing behind', () => {
    const live = createZone({ test: [] });
    for (let round = 0; round < 2; round++) {
      live.set('a.b.test', ['10.0.0.1', 'fd00::1']).set('c.test', '10.0.0.1');
      expect(live.find('1.0.0.10.in-addr.arpa', 'PTR')?.records).toMatchObject([
        { ptr: 'a.b.test' },
        { ptr: 'c.test' },
      ]);
      expect(live.find('b.test', 'A')?.exists).toBe(true);
      live.delete('a.b.test');
      live.delete('c.test');
      expect(live.find('b.test', 'A')?.exists).toBe(false);
      expect(live.find('1.0.0.10.in-addr.arpa', 'PTR')).toBeUndefined();
    }
    expect([...live.entries()]).toEqual([['test', []]]);
  });

  test.each<[readonly string[], string]>([
    [['db.internal'], 'db.internal'],
    [['db.internal', 'www.internal'], 'internal'],
    [['*.dev.internal'], 'dev.internal'],
    [['example.com', 'www.example.com'], 'example.com'],
    [['b.x.test', 'bb.x.test'], 'x.test'],
  ])('the origin of %j is %s', (names, origin) => {
    const records = Object.fromEntries(names.map((name) => [name, '10.0.0.1']));
    expect(createZone(records).origin).toBe(origin);
  });

  test('the root can be an origin, if it is given', () => {
    const root = createZone({ 'a.test': '10.0.0.1', '*': '10.0.0.9' }, { origin: '.' });
    expect(root.find('what.ever', 'A')?.records).toMatchObject([{ ip: '10.0.0.9' }]);
    expect(root.find('test', 'A')).toMatchObject({ exists: true, records: [] });
  });

  test.each<[string, Record<string, ZoneValue>, ZoneOptions]>([
    ['names without an end in common', { 'a.test': '10.0.0.1', 'b.example': '10.0.0.2' }, {}],
    ['no names', {}, {}],
    ['a name outside', { 'a.test': '10.0.0.1' }, { origin: 'example' }],
    ['an address that is none', { 'a.test': '10.0.0.256' }, {}],
    ['a name that is none', { 'a..test': '10.0.0.1' }, {}],
    ['a CNAME that is not alone', { 'a.test': ['10.0.0.1', 'b.test'] }, {}],
    ['a TTL out of range', { 'a.test': '10.0.0.1' }, { ttl: -1 }],
  ])('%s: refused', (_, records, options) => {
    expect(() => createZone(records, options)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  test('reverse: false answers for no address', () => {
    const own = createZone({ 'a.test': '10.0.0.1' }, { reverse: false });
    expect(own.find('1.0.0.10.in-addr.arpa', 'PTR')).toBeUndefined();
  });
});

describe('hosts', () => {
  const TEXT = [
    '# comment',
    '127.0.0.1\tlocalhost',
    '10.0.0.2  DB.internal db # the database',
    'fd00:0::2 db.internal',
    'fe80::1%lo0 link',
    '',
  ].join('\r\n');

  test('text is read, and written so that it is read again', () => {
    const hosts = parseHosts(TEXT);
    expect(hosts).toEqual({
      localhost: ['127.0.0.1'],
      'db.internal': ['10.0.0.2', 'fd00::2'],
      db: ['10.0.0.2'],
      link: ['fe80::1%lo0'],
    });
    expect(parseHosts(formatHosts(hosts))).toEqual(hosts);
    expect(formatHosts(TEXT)).toBe(formatHosts(new Hosts(hosts)));
  });

  test.each(['10.0.0.2', '10.0.0.256 db', '10.0.0.2 a..b', 'db 10.0.0.2'])(
    'line %j is refused by its number',
    (line) => {
      const read = () => parseHosts(`# one\n${line}\n`);
      expect(read).toThrow(expect.objectContaining({ code: 'EINVAL' }));
      expect(read).toThrow('line 2');
    },
  );

  test('both directions follow every change', () => {
    const hosts = new Hosts({ a: ['10.0.0.1', '10.0.0.1', 'fd00::1'], b: '10.0.0.1' });
    expect(hosts.lookup('A.')).toEqual([
      { address: '10.0.0.1', family: 4 },
      { address: 'fd00::1', family: 6 },
    ]);
    expect(hosts.reverse('10.0.0.1')).toEqual(['a', 'b']);
    hosts.set('a', '10.0.0.9');
    expect(hosts.reverse('10.0.0.1')).toEqual(['b']);
    expect(hosts.reverse('fd00:0::1')).toEqual([]);
    expect([hosts.delete('b'), hosts.delete('b'), hosts.size]).toEqual([true, false, 1]);
    hosts.set('a', []);
    expect([...hosts.entries()]).toEqual([]);
    expect(() => hosts.set('c', ['10.0.0.1', 'x'])).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
    expect(hosts.size).toBe(0);
  });

  test('a name like that of a property of objects is a name', () => {
    const hosts = new Hosts(parseHosts('10.0.0.1 constructor\n10.0.0.2 __proto__\n'));
    expect(hosts.lookup('__proto__')).toEqual([{ address: '10.0.0.2', family: 4 }]);
    expect(hosts.lookup('toString')).toEqual([]);
    expect(new Hosts({ entries: '10.0.0.3' }).lookup('entries')).toHaveLength(1);
  });
});
