// SPDX-License-Identifier: MIT
// create - createDhcp(): servers over one transport

import { DhcpServer } from './server.ts';
import type { DhcpServerOptions } from './server_types.ts';
import { type DhcpTransport, openerOf } from './transport.ts';

/**
 * DHCP over one transport. The method needs no `this`.
 *
 * @example
 * ```ts
 * import { createDhcp, type Dhcp } from 'ringstack/dhcp';
 *
 * const dhcp: Dhcp = await createDhcp(stack);
 * void dhcp;
 * ```
 */
export interface Dhcp {
  /**
   * Serves addresses.
   *
   * @param options - The range, and settings.
   * @returns The server, listening.
   * @throws NetError EINVAL if an option is out of range, EADDRINUSE if port 67 is taken, or the error of the store or
   *   the transport.
   */
  serve(options: DhcpServerOptions): Promise<DhcpServer>;
}

/**
 * Brings DHCP to a network.
 *
 * @param transport - A stack, its `udp`, or any datagram transport.
 * @returns Its server.
 * @throws NetError EINVAL if it is no transport.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createDhcp } from 'ringstack/dhcp';
 *
 * const stack = await createStack();
 * await stack.createTapInterface({ ip: '10.0.0.1/24' });
 * const { serve } = await createDhcp(stack);
 * const server = await serve({
 *   leaseRange: { start: '10.0.0.100', end: '10.0.0.199' },
 *   dnsServers: ['10.0.0.1'],
 * });
 * assert.equal(server.statistics.received, 0);
 * await server.close();
 * await stack.close();
 * ```
 */
export async function createDhcp(transport: DhcpTransport): Promise<Dhcp> {
  openerOf(transport);
  return {
    async serve(options) {
      const server = new DhcpServer(transport, options);
      try {
        await server.listen();
      } catch (error) {
        await server.close();
        throw error;
      }
      return server;
    },
  };
}
