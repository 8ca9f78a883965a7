// SPDX-License-Identifier: MIT
// fetch_proxy - a way out through an HTTP proxy, by CONNECT (RFC 9110, 9.3.6)

import type { StreamConnection, StreamTransport } from '../api/transport.ts';
import {
  formatHead,
  HttpParseError,
  isFieldValue,
  parseResponseHead,
  toLatin1,
} from '../codec/http1.ts';
import { NetError, type NetErrorCode } from '../errors.ts';
import { ByteSource } from '../http/byte_source.ts';
import { parseIp } from '../util/address.ts';
import { any, checkOptions, type Rules, text, whole } from '../util/check.ts';
import { isHostName } from '../util/host.ts';
import { chunksOf } from './datagrams.ts';
import { reset } from './relay.ts';
import type { OutboundOptions, OutboundTransport } from './types.ts';

/** Options of httpProxy(). */
export interface HttpProxyOptions {
  /** Connects to the proxy: node(), webSocket(), another stack's `tcp`. */
  readonly transport: StreamTransport;
  /** Address or name of the proxy. */
  readonly host: string;
  /** Port of the proxy, 1 to 65535. */
  readonly port: number;
  /** Value of Proxy-Authorization, such as `Basic dXNlcjpwYXNz`. @default none is sent */
  readonly authorization?: string;
}

const OPTIONS: Rules<HttpProxyOptions> = {
  transport: any,
  host: text,
  port: whole(1, 65_535),
  authorization: (value) =>
    typeof value === 'string' && isFieldValue(value) ? undefined : 'a value of a header field',
};

const LIMITS = { maxHeaderSize: 16_384, maxHeaders: 200 };

/** How a refusal of the proxy is told: the guest sees the same. */
function codeOf(status: number): NetErrorCode {
  switch (status) {
    case 401:
    case 403:
    case 405:
    case 407:
      return 'EACCES';
    case 408:
    case 504:
      return 'ETIMEDOUT';
    case 502:
    case 503:
      return 'EHOSTUNREACH';
    default:
      return 'ECONNREFUSED';
  }
}

/** The status of the proxy's answer. */
async function statusOf(source: ByteSource, action: string): Promise<number> {
  try {
    for (;;) {
      const head = source.tryHead(LIMITS);
      if (head !== undefined) {
        const { status } = parseResponseHead(head, LIMITS);
        if (status >= 200) return status;
      } else if (!(await source.more())) {
        throw new NetError('ECONNRESET', action, { reason: 'the proxy ended the connection' });
      }
    }
  } catch (error) {
    if (!(error instanceof HttpParseError)) throw error;
    throw new NetError('EPROTO', action, { reason: `the proxy answered: ${error.message}` });
  }
}

async function tunnel(
  proxy: HttpProxyOptions,
  { host, port, signal }: OutboundOptions,
): Promise<StreamConnection> {
  const to = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const action = `Cannot connect to ${to}`;
  // A name is what a guest looked up: it may be anything, and is about to be part of a line.
  if (!isHostName(host)) parseIp(host);
  signal?.throwIfAborted();
  const connect: OutboundTransport['connect'] = (options) => proxy.transport.connect(options);
  const at = { host: proxy.host, port: proxy.port };
  const connection = await connect(signal ? { ...at, signal } : at);
  const abort = (): void => reset(connection, signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const fields: [string, string][] = [['host', to]];
    if (proxy.authorization) fields.push(['proxy-authorization', proxy.authorization]);
    const writer = connection.writable.getWriter();
    await writer.write(toLatin1(formatHead(`CONNECT ${to} HTTP/1.1`, fields)));
    writer.releaseLock();
    const source = new ByteSource(connection.readable);
    const status = await statusOf(source, action);
    if (status >= 300) {
      const reason = `the proxy answered ${status}`;
      throw new NetError(codeOf(status), action, { reason });
    }
    return tunnelled(connection, source.rest(), host, port);
  } catch (error) {
    reset(connection, error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** A connection whose first bytes were read. */
function tunnelled(
  connection: StreamConnection,
  readable: ReadableStream<Uint8Array>,
  remoteAddress: string,
  remotePort: number,
): StreamConnection {
  return {
    readable,
    writable: connection.writable,
    remoteAddress,
    remotePort,
    close: () => connection.close(),
    abort: (reason) => reset(connection, reason),
    [Symbol.asyncIterator]: () => chunksOf(readable),
  };
}

/**
 * A way out through an HTTP proxy: each connection is a CONNECT. It is given names where they are known.
 *
 * @param options - The proxy, and how it is reached.
 * @returns The way out; it has half closes where the transport has them, and no datagrams.
 * @throws NetError EINVAL for a bad option.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { httpProxy, node } from 'ringstack/gateway';
 *
 * const way = httpProxy({ transport: node(), host: 'proxy.example', port: 3128 });
 * assert.equal(way.takesNames, true);
 * ```
 */
export function httpProxy(options: HttpProxyOptions): OutboundTransport {
  const action = 'Cannot use an HTTP proxy as a way out';
  checkOptions(action, options, OPTIONS, ['transport', 'host', 'port']);
  return { takesNames: true, connect: (to) => tunnel(options, to) };
}
