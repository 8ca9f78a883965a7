// SPDX-License-Identifier: MIT
// tls - ringstack-node/tls: Node's own tls over the stack of useStack(), for aliases

import type * as Net from 'node:net';
import tls from 'node:tls';
import { listenOnStack } from '../http/attach.ts';
import { normalizeArgs } from '../net/arguments.ts';
import net from './net.ts';

/** tls.connect(): opens our socket where the program gives none. */
export const connect = ((...args: unknown[]): tls.TLSSocket => {
  const [first, callback] = normalizeArgs(args);
  const later = args.slice(1, 3).find((one) => typeof one === 'object' && one !== null);
  const options = { ...first, ...(later as object | undefined) } as tls.ConnectionOptions;
  if (!options.socket && options.path == null) {
    const { host = 'localhost' } = options;
    const { signal: _signal, timeout: _timeout, ...plain } = options as Record<string, unknown>;
    options.socket = net.connect({ ...plain, host } as unknown as Net.NetConnectOpts);
    if (options.servername === undefined && net.isIP(host) === 0) options.servername = host;
  }
  return tls.connect(options, callback === null ? undefined : (callback as () => void));
}) as typeof tls.connect;

export const createServer = ((...args: Parameters<typeof tls.createServer>) =>
  listenOnStack(tls.createServer(...args), net)) as typeof tls.createServer;

export const {
  DEFAULT_CIPHERS,
  DEFAULT_ECDH_CURVE,
  DEFAULT_MAX_VERSION,
  DEFAULT_MIN_VERSION,
  Server,
  TLSSocket,
  checkServerIdentity,
  createSecureContext,
  getCiphers,
  rootCertificates,
} = tls;

const module = { ...tls, connect, createServer } as typeof tls;
export default module;
