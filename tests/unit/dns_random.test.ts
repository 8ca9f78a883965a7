// SPDX-License-Identifier: MIT
// dns_random.test - messages of DNS at random and by another library, to bytes and back

import dnsPacket from 'dns-packet';
import {
  type DnsMessage,
  type DnsRecord,
  parseDnsMessage,
  serializeDnsMessage,
} from 'ringstack/dns';
import { describe, expect, test } from 'vitest';
import { DnsFrames, frameDns } from '../../js/codec/dns_stream.ts';
import { RandomMessages } from '../helpers/dns_messages.ts';
import { Prng } from '../helpers/prng.ts';

const answer = (record: object): DnsRecord =>
  ({ name: 'a.example', class: 'IN', ttl: 60, ...record }) as DnsRecord;

describe('dns-packet agrees', () => {
  const records: dnsPacket.Answer[] = [
    { name: 'a.example', type: 'A', ttl: 5, data: '10.0.0.1' },
    { name: 'a.example', type: 'AAAA', ttl: 5, data: 'fd00::1' },
    { name: 'a.example', type: 'CNAME', ttl: 5, data: 'b.example' },
    { name: 'a.example', type: 'MX', ttl: 5, data: { preference: 10, exchange: 'mx.example' } },
    { name: 'a.example', type: 'TXT', ttl: 5, data: [Buffer.from('one'), Buffer.from('two')] },
    {
      name: 'a.example',
      type: 'SRV',
      ttl: 5,
      data: { priority: 1, weight: 2, port: 3, target: 's.example' },
    },
    {
      name: 'a.example',
      type: 'CAA',
      ttl: 5,
      data: { flags: 0, tag: 'issue', value: 'ca.example' },
    },
    {
      name: 'a.example',
      type: 'SOA',
      ttl: 5,
      data: {
        mname: 'ns.example',
        rname: 'h.example',
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minimum: 5,
      },
    },
    {
      name: 'a.example',
      type: 'DS',
      ttl: 5,
      data: { keyTag: 1, algorithm: 8, digestType: 2, digest: Buffer.of(1, 2) },
    },
    {
      name: 'a.example',
      type: 'DNSKEY',
      ttl: 5,
      data: { flags: 257, algorithm: 8, key: Buffer.of(1, 2) },
    },
  ];

  test('on what it wrote: we write the same again', () => {
    const theirs = dnsPacket.encode({
      type: 'response',
      id: 7,
      questions: [{ name: 'a.example', type: 'A' }],
      answers: records,
    });
    const message = parseDnsMessage(theirs);
    expect(message.answers.map(({ type }) => type)).toEqual(records.map(({ type }) => type));
    const ours = dnsPacket.decode(Buffer.from(serializeDnsMessage(message)));
    expect(ours.answers).toEqual(dnsPacket.decode(theirs).answers);
  });

  test('on what we write, EDNS included', () => {
    const message: Partial<DnsMessage> = {
      id: 9,
      isResponse: true,
      questions: [{ name: 'a.example', type: 'NAPTR' }],
      answers: [
        answer({
          type: 'NAPTR',
          order: 1,
          preference: 2,
          flags: 'u',
          service: 'sip',
          regexp: '!a!b!',
          replacement: '',
        }),
        answer({ type: 'RP', mbox: 'm.example', txt: 't.example' }),
        answer({
          type: 'SSHFP',
          algorithm: 4,
          fingerprintType: 1,
          fingerprint: new Uint8Array(20),
        }),
        answer({ type: 'NSEC', next: 'b.example', types: ['A', 'RRSIG', 'CAA'] }),
      ],
      edns: {
        udpSize: 1232,
        dnssecOk: true,
        options: [{ code: 10, data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }],
      },
    };
    const theirs = dnsPacket.decode(Buffer.from(serializeDnsMessage(message)));
    const data = theirs.answers?.map((one) => (one as { data: unknown }).data);
    expect(data).toMatchObject([
      { order: 1, preference: 2, flags: 'u', services: 'sip', regexp: '!a!b!', replacement: '.' },
      { mbox: 'm.example', txt: 't.example' },
      { algorithm: 4, hash: 1 },
      { nextDomain: 'b.example', rrtypes: ['A', 'RRSIG', 'CAA'] },
    ]);
    expect(theirs.additionals?.[0]).toMatchObject({
      type: 'OPT',
      udpPayloadSize: 1232,
      flag_do: true,
    });
  });
});

describe('at random', () => {
  test('what is written is what is read, and its length is kept', () => {
    const prng = new Prng(0xd15);
    const random = new RandomMessages(prng);
    for (let i = 0; i < 300; i++) {
      const message = random.message();
      expect(parseDnsMessage(serializeDnsMessage(message))).toEqual(message);
      const limit = 512 + prng.int(2000);
      const short = serializeDnsMessage({ ...message, truncated: false }, { limit });
      expect(short.length).toBeLessThanOrEqual(limit);
      const { answers } = parseDnsMessage(short);
      expect(answers).toEqual(message.answers.slice(0, answers.length));
    }
  });

  test('changed bytes are refused as malformed, or are a message that is written as it was read', () => {
    const prng = new Prng(0xbad);
    const random = new RandomMessages(prng);
    let refused = 0;
    for (let i = 0; i < 1000; i++) {
      const bytes = serializeDnsMessage(random.message());
      const cut = prng.chance(0.3) ? bytes.slice(0, prng.int(bytes.length)) : bytes;
      for (let n = prng.int(8); n > 0 && cut.length > 0; n--)
        cut[prng.int(cut.length)] = prng.int(256);
      let message: DnsMessage | undefined;
      try {
        message = parseDnsMessage(cut);
      } catch (error) {
        expect(error).toMatchObject({ code: 'EPROTO' });
        refused++;
      }
      if (message) expect(parseDnsMessage(serializeDnsMessage(message))).toEqual(message);
    }
    expect(refused).toBeGreaterThan(200);
    expect(refused).toBeLessThan(1000);
  });

  test('bytes at random never do anything else', () => {
    const prng = new Prng(0xff);
    for (let i = 0; i < 4000; i++) {
      const bytes = prng.bytes(prng.int(100));
      // Small counts, so that records are reached.
      for (const at of [4, 6, 8, 10]) if (at < bytes.length) bytes[at] = 0;
      try {
        parseDnsMessage(bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: 'EPROTO' });
      }
    }
  });

  test('a stream of messages is the same messages, however it is cut', () => {
    const prng = new Prng(3);
    const messages = Array.from({ length: 200 }, () =>
      prng.bytes(prng.int(prng.chance(0.1) ? 3000 : 40)),
    );
    const stream = Uint8Array.from(messages.flatMap((message) => [...frameDns(message)]));
    const frames = new DnsFrames();
    const found: Uint8Array[] = [];
    for (let at = 0; at < stream.length; ) {
      const size = prng.int(200);
      frames.push(stream.subarray(at, at + size));
      for (let one = frames.next(); one; one = frames.next()) found.push(one);
      at += size;
    }
    expect(found).toEqual(messages);
  });
});
