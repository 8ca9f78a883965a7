// SPDX-License-Identifier: MIT
// datagrams - UDP, pings, traceroute, raw ICMP, intercepted connections, routes and changes of interfaces: a file of its own, loaded on first use
//
// A page that only needs TCP does not download it. It is one file and not two, since each more would cut the main
// entry into further pieces: 400 bytes.

import type { TapInterface, TapInterfaceOptions } from '../api/interface.ts';
import type { Resolver } from '../api/names.ts';
import type { NetworkStack, StackOptions } from '../api/stack.ts';
import type { createBridge as CreateBridge } from './bridge.ts';

export { openIcmp } from './icmp_socket.ts';
export {
  addAddress,
  forwardingStatistics,
  readGateways,
  removeAddress,
  setForwarding,
  setGateway,
  setMtu,
  setUp,
} from './interface_changes.ts';
export { createPingSession } from './ping.ts';
export { addRoute, listNeighbors, listRoutes, lookupRoute } from './routes.ts';
export { interceptTcp } from './tcp_intercept.ts';
export { race } from './tcp_race.ts';
export { traceroute } from './traceroute.ts';
export { attachUdp } from './udp_attach.ts';
export { openUdp } from './udp_open.ts';

/** A file of its own in turn, with the links to endpoints. */
export const createBridge: typeof CreateBridge = async (...args) =>
  (await import('./bridge.ts')).createBridge(...args);
/** As createConfigured() of js/stack/configure.ts, which is loaded then. */
export const createConfigured = async (
  stack: NetworkStack,
  options: TapInterfaceOptions,
): Promise<TapInterface> => (await import('./configure.ts')).createConfigured(stack, options);
const resolvers = new WeakMap<NetworkStack, Promise<Resolver>>();

/** As embeddedResolver() of js/stack/embedded_resolver.ts, which is loaded with the first name that is looked up. */
export const embeddedResolver = (stack: NetworkStack, options: StackOptions): Promise<Resolver> => {
  const load = async (): Promise<Resolver> =>
    (await import('./embedded_resolver.ts')).embeddedResolver(stack, options);
  const resolver = resolvers.get(stack) ?? load();
  resolvers.set(stack, resolver);
  return resolver;
};
