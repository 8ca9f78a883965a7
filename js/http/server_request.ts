// SPDX-License-Identifier: MIT
// server_request - the Request that a handler gets: a real one, with what a page's class would drop or refuse

import { HttpParseError, type RequestHead } from '../codec/http1.ts';
import type { StreamConnection } from './transport.ts';

/** Methods that no Request is made with. */
const REFUSED = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** Whether the runtime's Request keeps all headers: a page's drops Host, Cookie and others. */
const KEEPS_HEADERS = new Request('http://a/', {
  headers: { host: 'a', cookie: 'b=c' },
}).headers.has('host');

/** Whether it takes a stream as its body; where not, it is turned into a text. */
const TAKES_STREAMS = (() => {
  let isAsked = false;
  const init = {
    method: 'POST',
    body: new ReadableStream(),
    get duplex() {
      isAsked = true;
      return 'half';
    },
  };
  try {
    const { headers } = new Request('http://a/', init as RequestInit);
    return isAsked && !headers.has('content-type');
  } catch {
    return false;
  }
})();

/** The parts of a request beside its head. */
export interface RequestParts {
  readonly url: string;
  readonly body: ReadableStream<Uint8Array> | undefined;
  /** Its signal, made on the first use. */
  readonly signal: () => AbortSignal;
}

function initOf(head: RequestHead, body: ReadableStream<Uint8Array> | undefined): RequestInit {
  const { method, fields } = head;
  const hasBody = body !== undefined && TAKES_STREAMS;
  const isPlain =
    !REFUSED.has(method.toUpperCase()) && !(hasBody && /^(?:GET|HEAD)$/i.test(method));
  const init: RequestInit & { duplex?: 'half' } = {
    method: isPlain ? method : hasBody ? 'POST' : 'GET',
    headers: fields,
  };
  if (hasBody) {
    init.body = body;
    init.duplex = 'half';
  }
  return init;
}

/** A request that was received. */
export class ServerRequest extends Request {
  readonly #method: string;
  readonly #signal: () => AbortSignal;
  /** Reads the body where a Request cannot. */
  readonly #carrier: Response | undefined;

  constructor(head: RequestHead, { url, body, signal }: RequestParts) {
    super(url, initOf(head, body));
    this.#method = head.method;
    this.#signal = signal;
    if (!KEEPS_HEADERS) {
      Object.defineProperty(this, 'headers', { value: new Headers(head.fields), enumerable: true });
    }
    if (body && !TAKES_STREAMS) {
      // formData() wants to know the kind.
      const type = this.headers.get('content-type');
      this.#carrier = new Response(
        body,
        type === null ? {} : { headers: { 'content-type': type } },
      );
    }
  }

  override get method(): string {
    return this.#method;
  }

  override get signal(): AbortSignal {
    return this.#signal();
  }

  override get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#carrier ? this.#carrier.body : super.body;
  }

  override get bodyUsed(): boolean {
    return this.#carrier ? this.#carrier.bodyUsed : super.bodyUsed;
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#carrier ? this.#carrier.arrayBuffer() : super.arrayBuffer();
  }

  override blob(): Promise<Blob> {
    return this.#carrier ? this.#carrier.blob() : super.blob();
  }

  override formData(): Promise<FormData> {
    return this.#carrier ? this.#carrier.formData() : super.formData();
  }

  override json(): Promise<unknown> {
    return this.#carrier ? this.#carrier.json() : super.json();
  }

  override text(): Promise<string> {
    return this.#carrier ? this.#carrier.text() : super.text();
  }

  override clone(): Request {
    const body = this.#carrier?.clone().body ?? undefined;
    const copy = body ? new ServerRequest(this.#head(), { ...this.#parts(), body }) : super.clone();
    if (!KEEPS_HEADERS) {
      Object.defineProperty(copy, 'headers', { value: new Headers(this.headers) });
    }
    return copy;
  }

  #head(): RequestHead {
    const fields = [...this.headers];
    return { method: this.#method, fields } as unknown as RequestHead;
  }

  #parts(): Omit<RequestParts, 'body'> {
    return { url: this.url, signal: this.#signal };
  }
}

/** host and port as they stand in a URL. */
export function authorityOf(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * The URL of a request (RFC 9112, 3.3): its target, and Host unless the target names one.
 *
 * @param head - Head of the request.
 * @param connection - Gives the address where there is no Host.
 * @param scheme - http or https.
 * @returns An absolute URL.
 * @throws {HttpParseError} 400 if the target is of no form that its method has.
 */
export function urlOf(head: RequestHead, connection: StreamConnection, scheme: string): string {
  const { method, target } = head;
  const { localAddress = 'localhost', localPort = 80 } = connection;
  const host = head.host || authorityOf(localAddress, localPort);
  if (target.startsWith('/')) return `${scheme}://${host}${target}`;
  if (method === 'CONNECT' && /^[^/?@]+:\d+$/.test(target)) return `${scheme}://${target}/`;
  if (method === 'OPTIONS' && target === '*') return `${scheme}://${host}/*`;
  if (method !== 'CONNECT' && /^https?:\/\/[^/?@]+(?:[/?]|$)/i.test(target)) return target;
  throw new HttpParseError(400, 'the request target is malformed');
}
