// SPDX-License-Identifier: MIT
// request - requestLease(): starts a DHCP client and waits for its first lease

import { DHCP_CLIENT_PORT } from '../codec/dhcp.ts';
import { NetError } from '../errors.ts';
import { checkOptions, flag, INT32_MAX, type Rules, text, whole } from '../util/check.ts';
import { DhcpClient, REQUEST } from './client.ts';
import type { ConfigurableInterface, DhcpClientOptions } from './client_types.ts';
import { withFirstResult } from './first_result.ts';
import { openerOf, stackOf } from './transport.ts';

const RULES: Rules<DhcpClientOptions> = {
  hostname: text,
  clientId: (value) =>
    value instanceof Uint8Array && value.length >= 2 && value.length <= 255
      ? undefined
      : 'a Uint8Array of 2 to 255 bytes',
  requestedIP: text,
  vendorClass: text,
  timeout: whole(1, INT32_MAX, ' ms'),
  configure: flag,
  isInUse: (value) => (typeof value === 'function' ? undefined : 'a function'),
  stack: (value) => (typeof value === 'object' && value !== null ? undefined : 'a stack'),
  signal: (value) => (value instanceof AbortSignal ? undefined : 'an AbortSignal'),
};

/**
 * Gets an address for a tap from a DHCP server, and keeps it.
 *
 * @param iface - The tap.
 * @param options - Name, times, signal.
 * @returns The client, with its first lease.
 * @throws NetError EINVAL if an option is out of range, ENOTSUP if the interface cannot be configured, ETIMEDOUT if no
 *   server gives a lease in time, or the error of the stack.
 * @example
 * ```ts
 * import { requestLease } from 'ringstack/dhcp';
 *
 * async function watch(): Promise<void> {
 *   const client = await requestLease(tap, { hostname: 'ours', timeout: 5000 });
 *   for await (const { kind, lease } of client.events) console.log(kind, lease.ip);
 * }
 * void watch;
 * ```
 */
export async function requestLease(
  iface: ConfigurableInterface,
  options: DhcpClientOptions = {},
): Promise<DhcpClient> {
  checkOptions(REQUEST, options, RULES);
  const { configure = true, timeout = 30_000, signal } = options;
  const stack = stackOf(`${REQUEST} for`, iface, options.stack);
  if (configure && typeof iface.addAddress !== 'function') {
    const reason = 'the addresses of this interface cannot be changed: set configure to false';
    throw new NetError('ENOTSUP', REQUEST, { reason });
  }
  signal?.throwIfAborted();
  const socket = await openerOf(stack)(DHCP_CLIENT_PORT, iface);
  const tap = iface as ConfigurableInterface & { readonly mac: string };
  const client = new DhcpClient(tap, stack, options, socket);
  const reason = 'no server gave one in time';
  return withFirstResult(client, client.bound, { timeout, signal, action: REQUEST, reason });
}
