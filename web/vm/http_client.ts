// SPDX-License-Identifier: MIT
// http_client - gets documents from web servers that the stack can reach

import type { NetworkStack, TcpConnection } from 'ringstack';
import { bodyLength, formatHead, MessageReader, parseResponse, type ResponseHead } from './http.ts';
import { ADDRESS, type Document, type Moved } from './messages.ts';

/** Bytes of a document that is shown. */
const DOCUMENT_MAX = 4e6;
/** ms to connect, to wait for the answer, and to wait for more of it. */
const PATIENCE = 10_000;

const NAMES: Readonly<Record<string, string>> = ADDRESS;

/** A response whose head has come. */
interface Opened {
  readonly connection: TcpConnection;
  readonly reader: MessageReader;
  readonly head: ResponseHead;
  readonly length: number | undefined;
}

/** The target of a URL. */
function destination(url: URL): { host: string; port: number } {
  if (url.protocol !== 'http:') throw new Error(`Cannot get ${url.protocol} addresses, only http:`);
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { host: NAMES[name] ?? name, port: Number(url.port || 80) };
}

async function open(stack: NetworkStack, url: URL): Promise<Opened> {
  const connection = await stack.connectTcp({ ...destination(url), timeout: PATIENCE });
  const isSlow = setTimeout(() => connection.abort(), PATIENCE);
  try {
    const writer = connection.writable.getWriter();
    const headers = { Host: url.host, 'User-Agent': 'ringstack', Accept: '*/*' };
    await writer.write(formatHead(`GET ${url.pathname}${url.search} HTTP/1.0`, headers));
    const reader = new MessageReader(connection);
    const text = await reader.head();
    if (text === undefined) throw new Error(`Cannot get ${url}: the server has hung up`);
    const head = parseResponse(text);
    return { connection, reader, head, length: bodyLength(head.headers) };
  } catch (error) {
    connection.abort();
    throw error;
  } finally {
    clearTimeout(isSlow);
  }
}

/** Ends a connection after the whole answer; the result does not wait for that. */
function hangUp(connection: TcpConnection): void {
  connection.close().catch(() => connection.abort());
}

/**
 * Gets a document.
 *
 * @param stack - The stack that connects.
 * @param address - An http: URL; its host is an address, `guest` or `page`.
 * @returns The document, whatever its status.
 * @throws If it cannot be fetched.
 */
export async function getDocument(stack: NetworkStack, address: string): Promise<Document> {
  const url = new URL(address);
  const begin = performance.now();
  const { connection, reader, head, length } = await open(stack, url);
  try {
    const body = await reader.wholeBody(length, DOCUMENT_MAX);
    hangUp(connection);
    return {
      url: url.href,
      status: head.status,
      reason: head.reason,
      type: head.headers.get('content-type') ?? 'application/octet-stream',
      body,
      ms: performance.now() - begin,
    };
  } catch (error) {
    connection.abort();
    throw error;
  }
}

/**
 * Gets a document and throws it away.
 *
 * @param stack - The stack that connects.
 * @param address - Its URL.
 * @param onProgress - Called with the bytes so far.
 * @returns Its bytes and the time that it took.
 * @throws If it cannot be fetched or stalls, or its status is not 200.
 */
export async function measureDocument(
  stack: NetworkStack,
  address: string,
  onProgress: (moved: Moved) => void,
): Promise<Moved> {
  const begin = performance.now();
  const { connection, reader, head, length } = await open(stack, new URL(address));
  let last = performance.now();
  const isStuck = (): boolean => performance.now() - last > PATIENCE;
  const watch = setInterval(() => isStuck() && connection.abort(), 1000);
  try {
    if (head.status !== 200) {
      throw new Error(`Cannot get ${address}: ${head.status} ${head.reason}`);
    }
    let bytes = 0;
    let told = begin;
    for await (const piece of reader.body(length)) {
      bytes += piece.length;
      last = performance.now();
      if (last - told < 100) continue;
      told = last;
      onProgress({ bytes, ms: last - begin });
    }
    hangUp(connection);
    return { bytes, ms: performance.now() - begin };
  } catch (error) {
    connection.abort();
    throw isStuck() ? new Error(`Nothing has come for ${PATIENCE / 1000} s`) : error;
  } finally {
    clearInterval(watch);
  }
}
