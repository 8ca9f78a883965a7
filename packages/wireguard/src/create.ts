// SPDX-License-Identifier: MIT
// create - createWireGuard(): checks options, makes the tun, opens transports, begins

import type { NetworkStack, TunInterface } from 'ringstack';
import { checkOptions } from '../../../js/util/check.ts';
import { readKey } from './keys.ts';
import { loadWireGuard } from './load.ts';
import { ACTION, OPTIONS } from './options.ts';
import { toTransport } from './transport/to_transport.ts';
import type { WireGuardInterface, WireGuardOptions, WireGuardTransport } from './types.ts';
import { WireGuard } from './wireguard.ts';

const DEFAULT_MTU = 1420;
const LEAST_MTU = 576;
/** Header and tag of a message. */
const AROUND = 32;

/** The MTU that every transport has room for. */
function mtuOf(transports: readonly WireGuardTransport[]): number {
  const most = transports.map(({ maxDatagram = DEFAULT_MTU + AROUND }) => maxDatagram - AROUND);
  return Math.max(Math.min(DEFAULT_MTU, ...most), LEAST_MTU);
}

/**
 * Creates a WireGuard interface of a stack: a tun whose packets go to peers, encrypted, over any transport of datagrams.
 *
 * @param stack - The stack that gets the interface.
 * @param options - Key, addresses, transport, peers.
 * @returns The interface, up. It shakes hands with a peer when there is a packet for it.
 * @throws {NetError} EINVAL; ENOENT: no wireguard.wasm; ENOMEM, EMFILE, ESHUTDOWN of the stack; what opening a transport fails with.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack, type NetworkStack, type UdpSocket } from 'ringstack';
 * import { connect } from 'ringstack/link';
 * import { createWireGuard, generateKey, publicKey } from 'ringstack-wireguard';
 *
 * // Two stacks on one cable stand for the internet.
 * const [outerA, outerB] = [await createStack(), await createStack()];
 * connect(
 *   await outerA.createTunInterface({ ip: '192.0.2.1/24' }),
 *   await outerB.createTunInterface({ ip: '192.0.2.2/24' }),
 * );
 * const [a, b] = [await createStack(), await createStack()];
 * const [keyA, keyB] = [generateKey(), generateKey()];
 * const end = async (stack: NetworkStack, key: string, ip: string, transport: UdpSocket) =>
 *   createWireGuard(stack, { privateKey: key, ip, transport });
 * const wgA = await end(a, keyA, '10.9.0.1/24', await outerA.openUdp({ port: 51820 }));
 * const wgB = await end(b, keyB, '10.9.0.2/24', await outerB.openUdp({ port: 51820 }));
 * await wgA.setPeer({
 *   publicKey: await publicKey(keyB),
 *   allowedIps: ['10.9.0.2/32'],
 *   endpoint: '192.0.2.2:51820',
 * });
 * await wgB.setPeer({ publicKey: await publicKey(keyA), allowedIps: ['10.9.0.1/32'] });
 *
 * const listener = await b.listenTcp({ port: 80 });
 * const connection = await a.connectTcp({ host: '10.9.0.2', port: 80 });
 * assert.equal((await listener.accept()).remoteAddress, '10.9.0.1');
 * assert.deepEqual(wgB.peers()[0]?.endpoint, { host: '192.0.2.1', port: 51820 });
 * connection.abort();
 * for (const closing of [wgA, wgB, a, b, outerA, outerB]) await closing.close();
 * ```
 */
export async function createWireGuard(
  stack: NetworkStack,
  options: WireGuardOptions,
): Promise<WireGuardInterface> {
  checkOptions(ACTION, options, OPTIONS, ['privateKey', 'transport']);
  const { ip, mtu, ringSize, peers = [], listenPort, transport } = options;
  const key = readKey(ACTION, 'private key', options.privateKey);
  const module = await loadWireGuard(options.wasm);
  const list: readonly object[] = Array.isArray(transport) ? transport : [transport as object];
  const transports: WireGuardTransport[] = [];
  let tun: TunInterface | undefined;
  try {
    const port = listenPort === undefined ? {} : { port: listenPort };
    for (const one of list) transports.push(await toTransport(one, port));
    tun = await stack.createTunInterface({
      mtu: mtu ?? mtuOf(transports),
      ...(ip === undefined ? {} : { ip }),
      ...(ringSize === undefined ? {} : { ringSize }),
    });
    const wg = new WireGuard(stack, tun, module, transports, options);
    try {
      await wg.start(key);
      for (const peer of peers) await wg.setPeer(peer);
      return wg;
    } catch (error) {
      await wg.close();
      throw error;
    }
  } catch (error) {
    for (const one of transports) await one.stop();
    if (tun) await stack.removeInterface(tun).catch(() => {});
    throw error;
  }
}
