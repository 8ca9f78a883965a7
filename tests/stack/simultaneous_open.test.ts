// SPDX-License-Identifier: MIT
// simultaneous_open.test - two ends that connect to each other at once, and one that connects to itself (RFC 9293, 3.5)

import { expect, test } from 'vitest';
import {
  bytes,
  ENDS,
  openPair,
  openStack,
  outcome,
  passTime,
  plug,
  readAll,
  readUpTo,
  send,
  settle,
  text,
  until,
} from '../helpers/net.ts';
import { sameBytes } from '../helpers/runtime.ts';

/** Two ends that have both sent their SYN, into nowhere, before they are joined. */
async function crossing(family: 4 | 6) {
  const pair = await openPair();
  const { a, b, tapA, tapB } = pair;
  const opening = Promise.all([
    a.connectTcp({ host: ENDS[family].b, port: 2000, localPort: 1000 }),
    b.connectTcp({ host: ENDS[family].a, port: 1000, localPort: 2000 }),
  ]);
  await settle();
  plug(tapA, tapB);
  await passTime(3000, [a, b]);
  const [one, other] = await opening;
  return { ...pair, one, other };
}

test.each([4, 6] as const)(
  'two ends that connect to each other are connected, IPv%i',
  async (family) => {
    const { a, b, one, other } = await crossing(family);
    expect([one.localPort, one.remotePort]).toEqual([1000, 2000]);
    expect([other.localPort, other.remotePort]).toEqual([2000, 1000]);
    await Promise.all([send(one.writable, bytes('ping')), send(other.writable, bytes('pong'))]);
    expect(text(await readUpTo(other.readable, 4))).toBe('ping');
    expect(text(await readUpTo(one.readable, 4))).toBe('pong');
    await Promise.all([one.close(), other.close()]);
    await until(() => a.statistics.sockets + b.statistics.sockets === 0);
  },
);

test('a megabyte passes both ways between such ends', async () => {
  const { one, other } = await crossing(4);
  const much = new Uint8Array(1 << 20).map((_, i) => (i * 31) ^ (i >> 8));
  const sendAll = async (end: typeof one): Promise<void> => {
    await send(end.writable, much);
    await end.closeWrite();
  };
  const [, , back, forth] = await Promise.all([
    sendAll(one),
    sendAll(other),
    readAll(one.readable),
    readAll(other.readable),
  ]);
  expect(sameBytes(back, much)).toBe(true);
  expect(sameBytes(forth, much)).toBe(true);
});

test('a connection to its own port reads what it writes, as on Linux', async () => {
  const stack = await openStack();
  const own = await stack.connectTcp({ host: '127.0.0.1', port: 5000, localPort: 5000 });
  await send(own.writable, bytes('mirror'));
  expect(text(await readUpTo(own.readable, 6))).toBe('mirror');
  expect(await outcome(own.close())).toBe('ok');
  await until(() => stack.statistics.sockets === 0);
});
