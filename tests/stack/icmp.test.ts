// SPDX-License-Identifier: MIT
// icmp.test - pings and raw messages of ICMP

import { NetError } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { icmp6Error, icmpError, readIpv4 } from '../helpers/frames.ts';
import {
  bytes,
  ENDS,
  ignore,
  linkLocalPair,
  openStack,
  outcome,
  until,
  wiredPair,
} from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { NO_DISPOSE, sameBytes, testUnless } from '../helpers/runtime.ts';
import { handHost } from '../helpers/udp.ts';

const NOBODY = { 4: '10.0.0.99', 6: 'fd00::99' } as const;
const TIMED_OUT = 'icmp ping timed out: 10.0.0.99';

describe('a ping', () => {
  test.each(['127.0.0.1', '::1', 'localhost', '10.0.0.1', 'fd00::1'])(
    'of %s by the stack itself',
    async (host) => {
      const stack = await openStack();
      await stack.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
      const session = await stack.createPingSession({ host });
      expect((await session.ping()).host).toBe(host === 'localhost' ? '127.0.0.1' : host);
    },
  );

  test.each([4, 6] as const)('of another stack tells what came back, IPv%i', async (family) => {
    const { a } = await wiredPair();
    const session = await a.createPingSession({ host: ENDS[family].b });
    expect(session.host).toBe(ENDS[family].b);
    for (const sequenceNumber of [0, 1, 2]) {
      const reply = await session.ping();
      expect(reply).toMatchObject({
        host: ENDS[family].b,
        identifier: session.identifier,
        sequenceNumber,
      });
      expect([...reply.payload]).toEqual(Array.from({ length: 56 }, (_, n) => n));
      // A clock of a page that is not isolated may stand still in between.
      expect(reply.roundTripTime).toBeGreaterThanOrEqual(0);
      expect(reply.ttl).toBeGreaterThan(0);
    }
  });

  test.each([
    [4, 0],
    [4, 3000],
    [4, 65_487],
    [6, 1],
    [6, 65_487],
  ] as const)('over IPv%i carries %i bytes', async (family, size) => {
    const { a } = await wiredPair();
    const session = await a.createPingSession({ host: ENDS[family].b, timeout: 15_000 });
    const payload = new Prng(size).bytes(size);
    expect(sameBytes((await session.ping({ payload })).payload, payload)).toBe(true);
  });

  test('of a link-local address by its zone', async () => {
    const { a } = await linkLocalPair();
    const session = await a.createPingSession({ host: 'fe80::b%1' });
    expect(session.host).toBe('fe80::b%1');
    expect((await session.ping()).host).toBe('fe80::b%1');
    expect(await outcome(a.createPingSession({ host: 'fe80::b%9' }))).toBe('EINVAL');
  });

  test('can run beside others, each with its own number', async () => {
    const { a } = await wiredPair();
    const session = await a.createPingSession({ host: ENDS[4].b });
    const replies = await Promise.all(Array.from({ length: 10 }, () => session.ping()));
    expect(replies.map(({ sequenceNumber }) => sequenceNumber)).toEqual(
      Array.from({ length: 10 }, (_, n) => n),
    );
  });

  test('has the time to live and the source that were asked for', async () => {
    const { stack, next } = await handHost();
    const session = await stack.createPingSession({
      host: '10.0.0.2',
      ttl: 3,
      localAddress: '10.0.0.1',
    });
    const pings = [session.ping().catch(ignore), session.ping({ ttl: 9 }).catch(ignore)];
    const isPing = (packet: Uint8Array): boolean => readIpv4(packet).protocol === 1;
    expect((await next(isPing))[8]).toBe(3);
    const second = await next(isPing);
    expect(second[8]).toBe(9);
    expect(readIpv4(second).from).toBe('10.0.0.1');
    await session.close();
    await Promise.all(pings);
    expect(
      await outcome(stack.createPingSession({ host: '127.0.0.1', localAddress: '9.9.9.9' })),
    ).toBe('EADDRNOTAVAIL');
  });

  test.each([
    ['EINVAL', { timeout: 0 }],
    ['EINVAL', { ttl: 256 }],
    ['EINVAL', { payload: new Uint8Array(65_488) }],
    ['EINVAL', { payload: 'text' as never }],
    ['EINVAL', { size: 1 } as never],
  ])('is refused with %s for a bad option', async (code, options) => {
    const stack = await openStack();
    const session = await stack.createPingSession({ host: '127.0.0.1' });
    expect(await outcome(session.ping(options))).toBe(code);
  });
});

describe('a ping without a reply', () => {
  test('times out, and says whom it asked', async () => {
    const { a } = await wiredPair();
    const session = await a.createPingSession({ host: NOBODY[4], timeout: 20 });
    await expect(session.ping()).rejects.toThrow(TIMED_OUT);
    expect(await outcome(session.ping({ timeout: 10 }))).toBe('ETIMEDOUT');
    const six = await a.createPingSession({ host: NOBODY[6], timeout: 20 });
    expect(await outcome(six.ping())).toBe('ETIMEDOUT');
  });

  test('fails at once without a route', async () => {
    const { a } = await wiredPair();
    const session = await a.createPingSession({ host: '192.0.2.1', timeout: 100_000 });
    expect(await outcome(session.ping())).toBe('EHOSTUNREACH');
  });

  test.each([
    [4, 3, 1, 'EHOSTUNREACH'],
    [4, 3, 3, 'ECONNREFUSED'],
    [4, 3, 13, 'EHOSTUNREACH'],
    [4, 11, 0, 'EHOSTUNREACH'],
    [6, 1, 0, 'EHOSTUNREACH'],
    [6, 1, 4, 'ECONNREFUSED'],
    [6, 3, 0, 'EHOSTUNREACH'],
  ] as const)(
    'over IPv%i fails with the ICMP error %i, %i: %s',
    async (family, type, code, name) => {
      const { stack, send, next } = await handHost();
      const host = family === 4 ? '10.0.0.2' : 'fd00::2';
      const session = await stack.createPingSession({ host, timeout: 100_000 });
      const failed = session.ping().catch((error) => error);
      const isPing = (packet: Uint8Array): boolean =>
        family === 4 ? packet[9] === 1 : packet[6] === 58 && packet[40] === 128;
      const packet = await next(isPing);
      await send(
        family === 4 ? icmpError(host, type, code, packet) : icmp6Error(type, code, packet),
      );
      const error = await failed;
      expect(error).toBeInstanceOf(NetError);
      expect(error).toMatchObject({ code: name, from: host, type, icmpCode: code });
    },
  );

  test('fails when its signal is aborted', async () => {
    const { a } = await wiredPair();
    const session = await a.createPingSession({ host: NOBODY[4], timeout: 100_000 });
    const abort = new AbortController();
    const failed = session.ping({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(failed).rejects.toThrow('enough');
    await expect(session.ping({ signal: abort.signal })).rejects.toThrow('enough');
  });

  test('fails when its session or stack is closed', async () => {
    const { a } = await wiredPair();
    const options = { host: NOBODY[4], timeout: 100_000 };
    const session = await a.createPingSession(options);
    const failed = session.ping();
    await session.close();
    await session.close();
    await expect(failed).rejects.toThrow('icmp ping session closed');
    await expect(session.ping()).rejects.toThrow('icmp ping session closed');
    const other = await a.createPingSession(options);
    const failing = outcome(other.ping());
    await a.close();
    expect(await failing).toBe('ESHUTDOWN');
    expect(await outcome(other.ping())).toBe('ESHUTDOWN');
  });
});

describe('a session', () => {
  test.each([
    ['EINVAL', { host: '1.2.3' }],
    ['EINVAL', { host: 7 as never }],
    ['EINVAL', { host: '::1', timeout: -1 }],
    ['EINVAL', { host: '::1', family: 5 as never }],
    ['ENOTFOUND', { host: 'nobody.test' }],
  ])('is refused with %s for %j', async (code, options) => {
    const stack = await openStack();
    expect(await outcome(stack.ping.createSession(options))).toBe(code);
  });

  test('pings again and again, until it is left or closed', async () => {
    const { a } = await wiredPair();
    const session = await a.createPingSession({ host: ENDS[4].b, interval: 1 });
    const numbers: number[] = [];
    for await (const { sequenceNumber } of session) {
      if (numbers.push(sequenceNumber) === 3) break;
    }
    expect(numbers).toEqual([0, 1, 2]);
    const slow = await a.createPingSession({ host: ENDS[4].b, interval: 100_000 });
    for await (const { sequenceNumber } of slow) {
      expect(sequenceNumber).toBe(0);
      void slow.close();
    }
  });

  testUnless(NO_DISPOSE)('closes when it is disposed of', async () => {
    const stack = await openStack();
    const session = await stack.createPingSession({ host: '127.0.0.1' });
    await session[Symbol.asyncDispose]();
    expect(await outcome(session.ping())).toBe('ESHUTDOWN');
    await until(() => stack.statistics.sockets === 0);
  });
});

describe('a socket of raw messages', () => {
  test.each([
    [4, 8, 0],
    [6, 128, 129],
  ] as const)('sends and receives over IPv%i', async (family, request, reply) => {
    const { a } = await wiredPair();
    const socket = await a.openIcmp({ family, ttl: 255 });
    expect(socket.family).toBe(family);
    expect(socket.ttl).toBe(255);
    await socket.send(Uint8Array.of(request, 0, 9, 9, 0, 1, 0, 7, 42), ENDS[family].b);
    for await (const message of socket) {
      if (message.data[0] !== reply) continue;
      expect([...message.data.subarray(4)]).toEqual([0, 1, 0, 7, 42]);
      expect(message.host).toBe(ENDS[family].b);
      expect(message.local).toBe(ENDS[family].a);
      break;
    }
  });

  test('sees the hop limit, and what is sent to a group it is a member of', async () => {
    const { a, b, tapA, tapB } = await wiredPair();
    const receiver = await b.openIcmp({ family: 6, interface: tapB });
    await receiver.join('ff02::2', { interface: tapB });
    const sender = await a.openIcmp({ family: 6, interface: tapA, ttl: 255 });
    await sender.send(Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0), 'ff02::2');
    for await (const message of receiver) {
      if (message.data[0] !== 133) continue;
      expect(message.ttl).toBe(255);
      expect(message.local).toBe('ff02::2');
      expect(message.interface).toBe(tapB);
      break;
    }
    await receiver.leave('ff02::2', { interface: tapB });
  });

  test('asks all hosts of a link: over IPv6 each answers, over IPv4 none', async () => {
    const { a, b, tapA, tapB } = await wiredPair();
    const over4 = await a.openIcmp({ family: 4, interface: tapA });
    await over4.send(Uint8Array.of(8, 0, 0, 0, 0, 7, 0, 1), '224.0.0.1');
    await over4.send(Uint8Array.of(8, 0, 0, 0, 0, 7, 0, 2), '10.0.0.255');
    const socket = await a.openIcmp({ family: 6, interface: tapA });
    await socket.send(Uint8Array.of(128, 0, 0, 0, 0, 7, 0, 1), 'ff02::1');
    for await (const message of socket) {
      if (message.data[0] !== 129) continue;
      expect([...message.data.subarray(4)]).toEqual([0, 7, 0, 1]);
      expect(message.host.split('%')[0]).toBe(tapB.linkLocalAddress?.split('%')[0]);
      break;
    }
    expect(b.statistics.icmpErrors).toBe(1);
    // The answer comes by the same wire, behind those that there are not.
    await over4.send(Uint8Array.of(8, 0, 0, 0, 0, 7, 0, 3), ENDS[4].b);
    for await (const message of over4) {
      if (message.data[0] !== 0) continue; // the question to the broadcast address reaches us too
      expect([...message.data.subarray(4)]).toEqual([0, 7, 0, 3]);
      break;
    }
  });

  test('takes messages as a stream, and one that cannot be sent ends nothing', async () => {
    const { a, b } = await wiredPair();
    const receiver = await b.openIcmp();
    const socket = await a.openIcmp();
    const writer = socket.writable.getWriter();
    await writer.write({ host: 'nobody.test', data: Uint8Array.of(8, 0, 0, 0) });
    await writer.write({ host: ENDS[4].b, data: Uint8Array.of(8) });
    await writer.write({ host: ENDS[4].b, data: Uint8Array.of(200, 1, 0, 0, 1, 2, 3, 4), ttl: 8 });
    const { value } = await receiver.readable.getReader().read();
    expect(value?.ttl).toBe(8);
    expect([...(value?.data.subarray(4) ?? [])]).toEqual([1, 2, 3, 4]);
  });

  test('refuses what is no message or address, and bad options', async () => {
    const stack = await openStack();
    const socket = await stack.openIcmp();
    expect(await outcome(socket.send(new Uint8Array(3), '127.0.0.1'))).toBe('EINVAL');
    expect(await outcome(socket.send(new Uint8Array(65_536), '127.0.0.1'))).toBe('EMSGSIZE');
    expect(await outcome(socket.send(new Uint8Array(8), '::1'))).toBe('EINVAL');
    expect(await outcome(socket.send(new Uint8Array(8), 'nobody.test'))).toBe('ENOTFOUND');
    expect(await outcome(stack.openIcmp({ family: 5 as never }))).toBe('EINVAL');
    expect(await outcome(stack.openIcmp({ host: '9.9.9.9' }))).toBe('EADDRNOTAVAIL');
  });

  test('is closed by close(), by its signal and with its stack', async () => {
    const stack = await openStack();
    const abort = new AbortController();
    const sockets = [
      await stack.openIcmp(),
      await stack.openIcmp({ signal: abort.signal }),
      await stack.openIcmp(),
    ] as const;
    const received = sockets.map((socket) => outcome(socket.receive()));
    await sockets[0].close();
    abort.abort();
    await sockets[1].closed;
    await stack.close();
    expect(await Promise.all(received)).toEqual(['ESHUTDOWN', 'ESHUTDOWN', 'ESHUTDOWN']);
    await expect(sockets[0].send(bytes('12345678'), '127.0.0.1')).rejects.toThrow('closed');
  });
});
