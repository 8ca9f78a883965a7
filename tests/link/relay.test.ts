// SPDX-License-Identifier: MIT
// relay.test - ringstack/websocket by the runtime's own WebSocket, on a relay that is another program's

import { connect } from 'ringstack/link';
import { connectWebSocket } from 'ringstack/websocket';
import { afterAll, expect, test } from 'vitest';
import { sentIntact } from '../helpers/links.ts';
import { openPair, outcome, until } from '../helpers/net.ts';
import { openRelay, type Relay } from '../helpers/relay.ts';
import { RELAY } from '../helpers/runtime.ts';

/** Node 20 has none. */
const { WebSocket } =
  'WebSocket' in globalThis ? globalThis : ((await import('ws')) as unknown as typeof globalThis);

let relay: Relay | undefined;
afterAll(() => relay?.close());

/** A network that nobody else is in. */
async function network(): Promise<string> {
  relay = RELAY === undefined ? (relay ?? (await openRelay())) : undefined;
  return `${RELAY ?? relay?.url}/${Math.random()}`;
}

test.each([1500, 65_520])('two stacks exchange data both ways, MTU %d', async (mtu) => {
  const { a, b, tapA, tapB } = await openPair({ tap: { mtu } });
  const url = await network();
  const ends = await Promise.all([
    connectWebSocket(url, { WebSocket }),
    connectWebSocket(url, { WebSocket }),
  ]);
  const links = [connect(tapA, ends[0]), connect(tapB, ends[1])];
  await sentIntact(a, b, 1_000_000);
  for (const end of ends) {
    expect(end.statistics).toMatchObject({ txDropped: 0, tooLong: 0 });
    await end.close();
  }
  for (const link of links) expect(await outcome(link.closed)).toBe('ok');
});

test('connections that are cut off are made again, and streams go on', async () => {
  const { a, b, tapA, tapB } = await openPair();
  const url = await network();
  const options = { WebSocket, reconnect: { least: 1, most: 20 } };
  const ends = await Promise.all([connectWebSocket(url, options), connectWebSocket(url, options)]);
  connect(tapA, ends[0]);
  connect(tapB, ends[1]);
  await sentIntact(a, b, 10_000);
  const scissors = new WebSocket(url);
  await new Promise((resolve) => scissors.addEventListener('open', resolve));
  scissors.send('cut');
  await until(() => ends.every(({ sessions, isOpen }) => sessions === 2 && isOpen));
  await sentIntact(a, b, 10_000);
  scissors.close();
  for (const end of ends) await end.close();
});

test('where nobody listens it is refused', async () => {
  const refused = connectWebSocket('ws://127.0.0.1:9', { WebSocket });
  expect(await outcome(refused)).toBe('ECONNREFUSED');
});
