// SPDX-License-Identifier: MIT
// dns_codec.test - messages of DNS to bytes and back, and what bytes of others do to the parser

import { type DnsRecord, parseDnsMessage, serializeDnsMessage } from 'ringstack/dns';
import { describe, expect, test } from 'vitest';
import { NetError } from '../../js/errors.ts';

const HEADER = 12;
const bytesOf = (...parts: (number | string)[]): number[] =>
  parts.flatMap((part) =>
    typeof part === 'number' ? [part] : [part.length, ...new TextEncoder().encode(part)],
  );

/** A response with some records behind the header, none of which is checked before it is parsed. */
function raw(counts: readonly number[], ...body: number[]): Uint8Array {
  return Uint8Array.from([0, 7, 0x80, 0, ...counts.flatMap((n) => [n >> 8, n & 255]), ...body]);
}

/** A message whose only answer is of some type, with data as given. */
const withData = (type: number, ...data: number[]): Uint8Array =>
  raw(
    [0, 1, 0, 0],
    0,
    type >> 8,
    type & 255,
    0,
    1,
    0,
    0,
    0,
    60,
    data.length >> 8,
    data.length & 255,
    ...data,
  );

const answer = (record: object): DnsRecord =>
  ({ name: 'a.example', class: 'IN', ttl: 60, ...record }) as DnsRecord;

describe('names', () => {
  const roundTrip = (name: string): string =>
    parseDnsMessage(serializeDnsMessage({ questions: [{ name, type: 'A' }] })).questions[0]?.name ??
    '?';

  test.each([
    '',
    'a',
    'www.Example.COM',
    'a\\.b.c',
    'bücher.local',
    'Two Words._http._tcp.local',
    '印刷',
  ])('%j stays what it is', (name) => expect(roundTrip(name)).toBe(name));

  test.each([
    ['.', ''],
    ['a.b.', 'a.b'],
    ['a\\\\.', 'a\\\\'],
    ['\\097\\046', 'a\\.'],
    ['\\255\\000', '\\255\\000'],
    ['\\195\\188', 'ü'],
  ])('%j comes back as %j', (name, back) => expect(roundTrip(name)).toBe(back));

  test.each(['a..b', '.a', 'x'.repeat(64), `${'a.'.repeat(127)}aa`, 'a\\', 'a\\256', '..'])(
    '%j is refused',
    (name) => expect(() => roundTrip(name)).toThrow(expect.objectContaining({ code: 'EINVAL' })),
  );

  test('the longest name has 255 bytes on the wire', () => {
    const name = `${'a.'.repeat(126)}a`;
    expect(roundTrip(name)).toBe(name);
  });

  test('each name is written once, and pointed to in any case', () => {
    const answers = ['www.example.com', 'EXAMPLE.com', 'mail.Example.Com'].map((name) =>
      answer({ name, type: 'CNAME', cname: 'www.example.com' }),
    );
    const bytes = serializeDnsMessage({ answers });
    const text = new TextDecoder('latin1').decode(bytes).toLowerCase();
    expect(text.split('example').length - 1).toBe(1);
    const names = parseDnsMessage(bytes).answers.map(({ name }) => name);
    expect(names).toEqual(['www.example.com', 'example.com', 'mail.example.com']);
  });

  test('records younger than RFC 1035 are written without pointers', () => {
    const target = 'www.example.com';
    const srv = answer({ name: target, type: 'SRV', priority: 1, weight: 2, port: 3, target });
    const text = new TextDecoder('latin1').decode(serializeDnsMessage({ answers: [srv] }));
    expect(text.split('example').length - 1).toBe(2);
  });

  test('names beyond the reach of a pointer are written in full', () => {
    const filler = answer({ type: 'NULL', data: new Uint8Array(0x4000) });
    const late = ['far.away', 'far.away'].map((name) => answer({ name, type: 'NS', ns: name }));
    const message = parseDnsMessage(serializeDnsMessage({ answers: [filler, ...late] }));
    expect(message.answers.slice(1)).toEqual(late);
  });
});

describe('what cannot be a message', () => {
  const pointer = (at: number): number[] => [0xc0 | (at >> 8), at & 255];

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['half a header', new Uint8Array(11)],
    ['a question that is not there', raw([1, 0, 0, 0])],
    ['65535 answers that are not there', raw([0, 0xffff, 0, 0])],
    ['a name that points to itself', raw([1, 0, 0, 0], ...pointer(HEADER), 0, 1, 0, 1)],
    ['a name that points ahead', raw([1, 0, 0, 0], ...pointer(HEADER + 2), 0, 0, 1, 0, 1)],
    [
      'a name that points into its own labels',
      raw([1, 0, 0, 0], ...bytesOf('a'), ...pointer(HEADER), 0, 1, 0, 1),
    ],
    ['a name that points beyond the end', raw([1, 0, 0, 0], ...pointer(0x3fff), 0, 1, 0, 1)],
    ['half a pointer', raw([1, 0, 0, 0], 0xc0)],
    ['a label of a kind that there is not', raw([1, 0, 0, 0], 0x40, 0, 0, 1, 0, 1)],
    ['a label that is cut off', raw([1, 0, 0, 0], 5, 0x61)],
    ['a name of 256 bytes', raw([1, 0, 0, 0], ...Array(128).fill([1, 0x61]).flat(), 0, 0, 1, 0, 1)],
    ['an address of 3 bytes', withData(1, 10, 0, 0)],
    ['an address of 5 bytes', withData(1, 10, 0, 0, 1, 1)],
    ['an address of IPv6 of 4 bytes', withData(28, 10, 0, 0, 1)],
    ['a text that is longer than its record', withData(16, 5, 0x61)],
    ['a text without a string', withData(16)],
    ['an MX without a name', withData(15, 0, 1)],
    ['data behind a name', withData(2, 0, 0)],
    ['a list of types out of order', withData(47, 0, 1, 1, 0x80, 0, 1, 0x80)],
    ['an empty block of types', withData(47, 0, 0, 0)],
    ['parameters out of order', withData(65, 0, 1, 0, 0, 3, 0, 2, 0, 1, 0, 1, 0, 0)],
    ['a parameter that is longer than its record', withData(65, 0, 1, 0, 0, 3, 0, 9, 1)],
    ['an empty list of protocols', withData(65, 0, 1, 0, 0, 1, 0, 0)],
    ['EDNS among the answers', withData(41)],
    ['EDNS twice', raw([0, 0, 0, 2], ...Array(2).fill([0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 0]).flat())],
    ['EDNS with a name', raw([0, 0, 0, 1], 1, 0x61, 0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 0)],
    ['an option that is cut off', raw([0, 0, 0, 1], 0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 4, 0, 3, 0, 9)],
  ])('%s', (_, bytes) => {
    expect(() => parseDnsMessage(bytes)).toThrow(expect.objectContaining({ code: 'EPROTO' }));
  });

  test.each([
    [100, false],
    [200, true],
  ])('a chain of %i pointers: refused? %s', (count, isRefused) => {
    // In the data of one record, behind a root; the next record has the last of them for its name.
    const base = HEADER + 11;
    const pointers = Array.from({ length: count }, (_, i) =>
      pointer(base + (i === 0 ? 0 : 2 * i - 1)),
    );
    const size = 1 + 2 * count;
    const first = [0, 0, 10, 0, 1, 0, 0, 0, 60, size >> 8, size & 255, 0, ...pointers.flat()];
    const second = [...pointer(base + 2 * count - 1), 0, 10, 0, 1, 0, 0, 0, 60, 0, 0];
    const parse = () => parseDnsMessage(raw([0, 2, 0, 0], ...first, ...second));
    if (isRefused) expect(parse).toThrow(NetError);
    else expect(parse().answers[1]?.name).toBe('');
  });

  test('many records with long names by pointers cost no more than their bytes', () => {
    const long = `${'a.'.repeat(126)}a`;
    const answers = Array.from({ length: 5000 }, () =>
      answer({ name: long, type: 'A', ip: '10.0.0.1' }),
    );
    const bytes = serializeDnsMessage({ answers }, { limit: 0xffff });
    const message = parseDnsMessage(bytes);
    expect(message.truncated).toBe(true);
    expect(message.answers.length).toBeGreaterThan(4000);
  });
});

describe('messages', () => {
  test('a TTL above 2^31 - 1 counts as 0', () => {
    const bytes = withData(1, 10, 0, 0, 1);
    bytes[HEADER + 5] = 0x80;
    expect(parseDnsMessage(bytes).answers[0]?.ttl).toBe(0);
  });

  test('long text is cut into strings of 255 bytes', () => {
    const value = 'ü'.repeat(300);
    const bytes = serializeDnsMessage({ answers: [answer({ type: 'TXT', value })] });
    const [record] = parseDnsMessage(bytes).answers;
    expect(record).toMatchObject({ value });
    expect(record?.type === 'TXT' && record.strings?.map(({ length }) => length)).toEqual([
      255, 255, 90,
    ]);
  });

  test('empty text is one empty string', () => {
    const bytes = serializeDnsMessage({ answers: [answer({ type: 'TXT', value: '' })] });
    expect(parseDnsMessage(bytes).answers[0]).toMatchObject({
      value: '',
      strings: [new Uint8Array()],
    });
  });

  test('records that do not fit are left out, and the message says so', () => {
    const answers = Array.from({ length: 50 }, (_, i) => answer({ type: 'A', ip: `10.0.0.${i}` }));
    const edns = { udpSize: 1232, options: [{ code: 10, data: new Uint8Array(8) }] };
    const bytes = serializeDnsMessage({ answers, authorities: answers, edns }, { limit: 512 });
    const message = parseDnsMessage(bytes);
    expect(bytes.length).toBeLessThanOrEqual(512);
    expect(message.truncated).toBe(true);
    expect(message.answers).toEqual(answers.slice(0, message.answers.length));
    expect(message.authorities).toEqual([]);
    expect(message.edns?.options).toEqual(edns.options);
  });

  test('additional records are left out without a word', () => {
    const answers = [answer({ type: 'A', ip: '10.0.0.1' })];
    const additionals = [answer({ type: 'NULL', data: new Uint8Array(600) })];
    const message = parseDnsMessage(serializeDnsMessage({ answers, additionals }, { limit: 512 }));
    expect(message).toMatchObject({ truncated: false, answers, additionals: [] });
  });

  test.each<[string, object]>([
    ['an address that is none', { type: 'A', ip: '10.0.0.256' }],
    ['a field that is missing', { type: 'MX', exchange: 'a' }],
    ['a number out of range', { type: 'MX', preference: 65_536, exchange: 'a' }],
    ['a type that there is not', { type: 'HELLO', data: new Uint8Array() }],
    ['a class that there is not', { type: 'A', ip: '10.0.0.1', class: 'XX' }],
    ['a TTL out of range', { type: 'A', ip: '10.0.0.1', ttl: -1 }],
    ['a string of 256 bytes', { type: 'HINFO', cpu: 'x'.repeat(256), os: '' }],
    [
      'a parameter that there is not',
      { type: 'HTTPS', priority: 1, target: '', params: { hello: 1 } },
    ],
    ['no string at all', { type: 'TXT', strings: [] }],
  ])('%s is refused', (_, record) => {
    const write = () => serializeDnsMessage({ answers: [answer(record)] });
    expect(write).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  test('unknown types are bytes, by number in both directions', () => {
    const data = Uint8Array.of(1, 2, 3);
    const answers = [answer({ type: 'TYPE65280', data })];
    expect(parseDnsMessage(serializeDnsMessage({ answers })).answers).toEqual(answers);
    const byNumber = [answer({ type: 'TYPE1', ip: '10.0.0.1' })];
    expect(parseDnsMessage(serializeDnsMessage({ answers: byNumber })).answers[0]).toMatchObject({
      type: 'A',
      ip: '10.0.0.1',
    });
  });
});
