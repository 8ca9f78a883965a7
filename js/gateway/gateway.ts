// SPDX-License-Identifier: MIT
// gateway - ringstack/gateway: a way out and a way in for guests

export type {
  Datagram,
  DatagramSocket,
  DatagramTransport,
  StreamConnection,
  StreamListener,
  StreamTransport,
} from '../api/transport.ts';
export type * from './auto_types.ts';
export { bun } from './bun.ts';
export { createGateway, type Gateway } from './create.ts';
export { deno } from './deno.ts';
export { type DirectSocketClasses, type DirectSocketsOptions, directSockets } from './direct.ts';
export { type FetchHttpOptions, fetchHttp } from './fetch_http.ts';
export { type HttpProxyOptions, httpProxy } from './fetch_proxy.ts';
export { parseForward } from './forward.ts';
export type {
  Forward,
  ForwardListen,
  ForwardOptions,
  ForwardPlan,
  ForwardTarget,
} from './forward_types.ts';
export { type NodeNameServer, type NodeOptions, type NodeTransport, node } from './node.ts';
export { createPolicy, type PolicyTable } from './policy.ts';
export type * from './policy_types.ts';
export type { WebSocketClass, WebSocketLike } from './socket.ts';
export type * from './types.ts';
export { type WebSocketWayOptions, webSocket } from './websocket.ts';
export { type WispOptions, wisp } from './wisp.ts';
