// SPDX-License-Identifier: MIT
// dns_compatible.test - what programs written for @tcpip/dns rely on

import { createDns, ipToPtrName, ptrNameToIP } from 'ringstack/dns';
import { describe, expect, test } from 'vitest';
import { MemoryNetwork } from '../helpers/memory_network.ts';

const LONG = 'b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa';

/** One host, as a stack of tcpip.js 0.3 shows itself: openUdp() and no more. */
function stack() {
  const { udp } = new MemoryNetwork().host('127.0.0.1');
  return { openUdp: udp.open };
}

describe('createDns()', () => {
  test('client and server on one stack talk, with methods taken off the object', async () => {
    const { lookup, serve } = await createDns(stack());
    await serve({
      request: async ({ name, type }) => {
        if (name === 'example.com' && type === 'A') return { type, ip: '10.0.0.1', ttl: 300 };
        return undefined;
      },
    });
    expect(await lookup('example.com')).toBe('10.0.0.1');
  });

  test('a function that knows nothing means that there is no such name', async () => {
    const { lookup, serve } = await createDns(stack());
    await serve({ request: async () => undefined });
    await expect(lookup('example.com')).rejects.toThrow('dns query failed with rcode: NXDOMAIN');
  });

  test.each(['10.0.0.1', '2001:db8::1'])('reverse lookup of %s', async (address) => {
    const { reverse, serve } = await createDns(stack());
    await serve({
      request: async ({ name, type }) => {
        const asked = ptrNameToIP(name);
        const isIt =
          asked.ip === address && asked.type === (address.includes(':') ? 'ipv6' : 'ipv4');
        return type === 'PTR' && isIt ? { type, ptr: 'example.com', ttl: 300 } : undefined;
      },
    });
    expect(await reverse(address)).toBe('example.com');
  });

  test.each([
    ['a stack with openUdp()', stack()],
    ['a stack with udp', new MemoryNetwork().host('127.0.0.1')],
    ['its udp', new MemoryNetwork().host('127.0.0.1').udp],
  ])('takes %s', async (_, transport) => {
    const { lookup, serve } = await createDns(transport);
    await serve({ request: ({ type }) => (type === 'A' ? { type, ip: '10.0.0.1' } : undefined) });
    expect(await lookup('example.com')).toBe('10.0.0.1');
  });

  test('refuses what is none of these', async () => {
    await expect(createDns({} as never)).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(createDns(undefined as never)).rejects.toMatchObject({ code: 'EINVAL' });
  });

  test('asks of a stack only what the stack of tcpip.js has', async () => {
    const asked: unknown[] = [];
    const { openUdp } = stack();
    const watched = {
      openUdp: (options?: { port?: number }) => {
        asked.push(options);
        return openUdp(options);
      },
    };
    const { lookup, serve } = await createDns(watched);
    await serve({ request: ({ type }) => (type === 'A' ? { type, ip: '10.0.0.1' } : undefined) });
    await lookup('example.com');
    expect(asked).toEqual([{ port: 53 }, undefined]);
  });
});

describe('ipToPtrName()', () => {
  test.each([
    ['10.0.0.1', '1.0.0.10.in-addr.arpa'],
    ['2001:db8::567:89ab', LONG],
    ['::1', `1.${'0.'.repeat(31)}ip6.arpa`],
  ])('%s', (ip, name) => expect(ipToPtrName(ip)).toBe(name));

  test.each(['', '10.0.0', '10.0.0.256', 'example.com'])('refuses %j', (ip) => {
    expect(() => ipToPtrName(ip)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});

describe('ptrNameToIP()', () => {
  test.each([
    ['1.0.0.10.in-addr.arpa', 'ipv4', '10.0.0.1'],
    ['1.0.0.10.IN-ADDR.ARPA.', 'ipv4', '10.0.0.1'],
    [LONG, 'ipv6', '2001:db8::567:89ab'],
  ])('%s', (name, type, ip) => expect(ptrNameToIP(name)).toEqual({ type, ip }));

  test.each([
    '',
    '1.0.0.10.in-addr.com',
    '1.0.0.10.invalid.arpa',
    '0.0.10.in-addr.arpa',
    '1.0.0.256.in-addr.arpa',
    '1.2.3.4.5.in-addr.arpa',
    '1.ip6.arpa',
  ])('refuses %j by its name', (name) => {
    expect(() => ptrNameToIP(name)).toThrow(`invalid PTR name: ${name}`);
  });
});
