// SPDX-License-Identifier: MIT
// bridge_threads.test - ports whose other end is in another thread: no frame passes through JavaScript here

import { attach, createArena, type SharedHandle, type TapInterface } from 'ringstack';
import { expect, onTestFinished, vi } from 'vitest';
import { frame } from '../helpers/bridge.ts';
import { hashOf } from '../helpers/hash.ts';
import { endpointPair } from '../helpers/links.ts';
import { openStack, readAll, send, until } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { NO_SHARING, testUnless } from '../helpers/runtime.ts';
import { ThreadPeer } from '../helpers/thread_peer.ts';

const THREAD = new URL('./workers/thread.mjs', import.meta.url);

testUnless(NO_SHARING)('two stacks in other threads talk through a bridge here', async () => {
  const arena = await createArena();
  const host = await openStack({ arena });
  const bridge = await host.createBridgeInterface({ ip: '10.0.0.1/24' });
  const peers = [new ThreadPeer(THREAD), new ThreadPeer(THREAD)];
  for (const [n, peer] of peers.entries()) {
    const made = await peer.run('host', await arena.share(), { ip: `10.0.0.${n + 2}/24` });
    await bridge.addPort(await attach((made as { tap: SharedHandle<TapInterface> }).tap));
  }
  const spy = vi.spyOn(ReadableStreamDefaultController.prototype, 'enqueue');
  onTestFinished(() => spy.mockRestore());
  const guest = await openStack({ arena });
  await bridge.addPort(await guest.createTapInterface({ ip: '10.0.0.9/24' }));
  const data = new Prng(3).bytes(1_000_000);
  for (const ip of ['10.0.0.2', '10.0.0.3']) {
    const connection = await guest.connectTcp({ host: ip, port: 7 });
    const reading = readAll(connection.readable);
    await send(connection.writable, data);
    await connection.closeWrite();
    expect(hashOf(await reading)).toBe(hashOf(data));
  }
  const frames = [...bridge.ports].reduce((sum, port) => sum + port.statistics.rxFrames, 0);
  expect(frames).toBeGreaterThan(2500);
  // The chunks are those of the connections.
  expect(spy.mock.calls.length).toBeLessThan(frames / 2);
  for (const peer of peers) await peer.run('close');
});

testUnless(NO_SHARING)('a tap that is a port is handed to another thread', async () => {
  const host = await openStack();
  const tap = await host.createTapInterface();
  const bridge = await host.createBridgeInterface({ ip: '10.0.0.1/24', ports: [tap] });
  const peer = new ThreadPeer(THREAD);
  peer.start('reflect', await tap.share());
  await peer.reply();
  const { endpoint, port, sent } = endpointPair();
  await bridge.addPort(endpoint);
  const one = frame('02:00:00:00:00:42', '02:00:00:00:00:41', 5);
  port.push(one);
  await until(() => sent.some((one) => one[5] === 0x41 && one[11] === 0x42));
  await host.removeInterface(bridge);
  await host.removeInterface(tap);
  expect(Number((await peer.reply()).result)).toBeGreaterThan(0);
});
