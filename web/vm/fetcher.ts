// SPDX-License-Identifier: MIT
// fetcher - gets documents from web servers that the network's stack can reach, through ringstack/http

import type { HttpFetch, HttpResponse } from 'ringstack/http';
import type { Document, Moved } from './messages.ts';

/** Bytes of a document that is shown. */
const DOCUMENT_MAX = 4e6;
/** ms to connect, to wait for the answer, and to wait for more of it. */
const PATIENCE = 10_000;

const SLOW = `Nothing has come for ${PATIENCE / 1000} s`;

/** The part of an error that says something. */
function plainError(error: unknown): Error {
  const { cause, message } = error as Error;
  if (cause instanceof Error) return new Error(cause.message);
  return error instanceof Error ? error : new Error(message);
}

/** Gets a URL; ends it when nothing comes for too long. */
async function begin(
  fetch: HttpFetch,
  address: string,
): Promise<{ url: URL; response: HttpResponse; pieces: AsyncGenerator<Uint8Array> }> {
  const url = new URL(address);
  if (url.protocol !== 'http:') throw new Error(`Cannot get ${url.protocol} addresses, only http:`);
  const slow = new AbortController();
  const abort = (): void => slow.abort(new Error(SLOW));
  let timer = setTimeout(abort, PATIENCE);
  const again = (): void => {
    clearTimeout(timer);
    timer = setTimeout(abort, PATIENCE);
  };
  async function* read(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of body ?? []) {
        again();
        yield piece;
      }
    } finally {
      clearTimeout(timer);
    }
  }
  try {
    const response = await fetch(url, { signal: slow.signal });
    again();
    return { url, response, pieces: read(response.body) };
  } catch (error) {
    clearTimeout(timer);
    throw plainError(error);
  }
}

/**
 * Gets a document.
 *
 * @param fetch - Over the stack.
 * @param address - An http: URL; its host is an address, or a name of the network.
 * @returns The document, whatever its status.
 * @throws If it cannot be fetched, or is too long.
 */
export async function getDocument(fetch: HttpFetch, address: string): Promise<Document> {
  const start = performance.now();
  const { response, pieces } = await begin(fetch, address);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > DOCUMENT_MAX) throw new Error(`Cannot show more than ${DOCUMENT_MAX / 1e6} MB`);
    parts.push(piece.slice());
  }
  const { url, status, statusText, headers } = response;
  return {
    url,
    status,
    reason: statusText,
    type: headers.get('content-type') ?? 'application/octet-stream',
    body: new Uint8Array(await new Blob(parts).arrayBuffer()),
    ms: performance.now() - start,
  };
}

/**
 * Gets a document and throws it away.
 *
 * @param fetch - Over the stack.
 * @param address - Its URL.
 * @param onProgress - Called with the bytes so far.
 * @returns Its bytes and the time that it took.
 * @throws If it cannot be fetched or stalls, or its status is not 200.
 */
export async function measureDocument(
  fetch: HttpFetch,
  address: string,
  onProgress: (moved: Moved) => void,
): Promise<Moved> {
  const start = performance.now();
  const { response, pieces } = await begin(fetch, address);
  const { status, statusText } = response;
  if (status !== 200) {
    await pieces.return(undefined);
    throw new Error(`Cannot get ${address}: ${status} ${statusText}`);
  }
  let bytes = 0;
  let told = start;
  for await (const piece of pieces) {
    bytes += piece.length;
    const now = performance.now();
    if (now - told < 100) continue;
    told = now;
    onProgress({ bytes, ms: now - start });
  }
  return { bytes, ms: performance.now() - start };
}
