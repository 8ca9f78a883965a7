// SPDX-License-Identifier: MIT
// share_dead.test - a thread that is ended while a tap of its stack is wired to a stack here

import type { SharedHandle, TapInterface } from 'ringstack';
import { attach, createArena } from 'ringstack';
import { connect } from 'ringstack/link';
import { describe, expect, test } from 'vitest';
import { bytes, ENDS, openStack, outcome, readUpTo, send, within } from '../helpers/net.ts';
import { NO_SHARING, skipAll } from '../helpers/runtime.ts';
import { ThreadPeer } from '../helpers/thread_peer.ts';

const THREAD = new URL('./workers/thread.mjs', import.meta.url);
/** ms; more than the stack waits for a thread that may only be slow. */
const LONG = 20_000;

/** A stack here, wired to the tap of a stack in another thread. */
async function wiredAcross(isOneArena: boolean) {
  const arena = await createArena();
  const peer = new ThreadPeer(THREAD);
  const theirs = isOneArena ? arena : await createArena();
  const made = await peer.run('host', await theirs.share(), { ip: `${ENDS[4].b}/24` });
  const far = await attach((made as { tap: SharedHandle<TapInterface> }).tap);
  const stack = await openStack({ arena });
  const near = await stack.createTapInterface({ ip: `${ENDS[4].a}/24` });
  const link = connect(near, far);
  const client = await stack.connectTcp({ host: ENDS[4].b, port: 7 });
  await send(client.writable, bytes('hello'));
  await readUpTo(client.readable, 5);
  return { peer, stack, near, far, link, client };
}

describe.each([
  ['one arena', true],
  ['two arenas', false],
])('its thread is ended, with %s', (_, isOneArena) => {
  skipAll(NO_SHARING);

  test('the stack closes, and the link with it', async () => {
    const { peer, stack, link } = await wiredAcross(isOneArena);
    await peer.terminate();
    await within(LONG, 'close() of the stack', stack.close());
    await within(LONG, 'closed of the link', link.closed);
  });

  test('the link closes, and the tap is used again', async () => {
    const { peer, stack, near, link, client } = await wiredAcross(isOneArena);
    await peer.terminate();
    client.abort();
    await within(LONG, 'close() of the link', link.close());
    const other = await openStack();
    const tap = await other.createTapInterface({ ip: `${ENDS[4].b}/24` });
    const again = connect(near, tap);
    const asking = stack.connectTcp({ host: ENDS[4].b, port: 9 });
    expect(await within(LONG, 'a connect', outcome(asking))).toBe('ECONNREFUSED');
    await within(LONG, 'close() of the other link', again.close());
    // A thread that only stood still would go on in the memory of the tap.
    expect(await outcome(stack.removeInterface(near))).toBe(isOneArena ? 'ETIMEDOUT' : 'ok');
    await within(LONG, 'close() of the stack', stack.close());
  });
});
