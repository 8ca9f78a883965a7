// SPDX-License-Identifier: MIT
// tls - connectTls() and startTls(), by the TLS provider that ringstack/http takes

import type { NetworkStack } from '../../api/stack.ts';
import type { StreamConnection } from '../../http/transport.ts';
import type { TlsProvider } from '../../http/types.ts';
import { abortConnection } from '../../util/abort.ts';
import { checkedPort, reachable } from './address.ts';
import { SecureConn, StackConn } from './conn.ts';
import { badResource, denoErrorOf, errors } from './errors.ts';
import type { ConnectTlsOptions, StartTlsOptions, TcpConn, TlsConn } from './types.ts';

function providerOf(tls: TlsProvider | undefined): TlsProvider {
  if (!tls) throw new errors.NotSupported('TLS needs a provider: `tls` of createDeno()');
  return tls;
}

/** Secures a connection, or resets it. */
async function secure(
  tls: TlsProvider,
  connection: StreamConnection,
  port: number,
  { hostname = '127.0.0.1', alpnProtocols = [], ...rest }: StartTlsOptions,
): Promise<TlsConn> {
  try {
    const options = { ...rest, host: hostname, port, alpn: alpnProtocols };
    return new SecureConn(await tls.connect(connection, options));
  } catch (error) {
    abortConnection(connection, error);
    throw denoErrorOf(error);
  }
}

/** Connects and secures: see DenoApi. */
export async function connectTls(
  stack: NetworkStack,
  tls: TlsProvider | undefined,
  { port: given, ...options }: ConnectTlsOptions,
): Promise<TlsConn> {
  const provider = providerOf(tls);
  const port = checkedPort(given, 1);
  if ((options.cert === undefined) !== (options.key === undefined)) {
    throw new TypeError('If one of `cert` and `key` is specified, both must be');
  }
  const host = reachable(options.hostname ?? '127.0.0.1');
  const connection = await stack.connectTcp({ host, port }).catch((error) => {
    throw denoErrorOf(error);
  });
  return secure(provider, connection, port, options);
}

/** Secures a connection that is open: see DenoApi. */
export async function startTls(
  tls: TlsProvider | undefined,
  conn: TcpConn,
  options: StartTlsOptions = {},
): Promise<TlsConn> {
  const provider = providerOf(tls);
  if (!(conn instanceof StackConn)) throw badResource();
  const { port } = conn.remoteAddr;
  return secure(provider, conn.detach(), port, options);
}
