// SPDX-License-Identifier: MIT
// websocket_client - new WebSocket(url) over the connections of a pool

import { formatHead, isToken, type ResponseHead } from '../codec/http1.ts';
import { NetError } from '../errors.ts';
import { Exchange } from './exchange.ts';
import { type FetchContext, originOf, watchSignal } from './fetch.ts';
import { takeOver } from './upgrade.ts';
import { canDeflate, OFFER, readAnswer } from './websocket_deflate.ts';
import { MAX_PAYLOAD, SocketFace } from './websocket_face.ts';
import { acceptOf, randomKey } from './websocket_handshake.ts';

/** Second argument of the constructor, where more than protocols is meant (as in undici and Deno). */
interface ClientOptions {
  readonly protocols?: string | string[];
  readonly headers?: HeadersInit;
  /** Offers permessage-deflate, where the runtime can. */
  readonly perMessageDeflate?: boolean;
}

const syntaxError = (text: string): DOMException => new DOMException(text, 'SyntaxError');

/** The URL of a WebSocket as one of HTTP. */
function httpUrlOf(given: string | URL): URL {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw syntaxError(`Cannot open a WebSocket to ${JSON.stringify(String(given))}: it is no URL`);
  }
  if (!/^(?:ws|http)s?:$/.test(url.protocol)) {
    throw syntaxError(`Cannot open a WebSocket to a URL of ${url.protocol}`);
  }
  if (url.hash !== '' || url.href.endsWith('#')) {
    throw syntaxError('Cannot open a WebSocket to a URL with a fragment');
  }
  url.protocol = url.protocol.replace('ws', 'http');
  return url;
}

function protocolsOf(given: string | string[]): string[] {
  const protocols = typeof given === 'string' ? [given] : [...given];
  const isList = protocols.every((name) => isToken(name));
  if (!isList || new Set(protocols).size !== protocols.length) {
    throw syntaxError(`Cannot open a WebSocket with protocols ${JSON.stringify(protocols)}`);
  }
  return protocols;
}

/** Why the answer opens no WebSocket; undefined: it does. */
function flawOf(head: ResponseHead, key: string, protocols: readonly string[]): string | undefined {
  const field = (name: string): string | undefined =>
    head.fields.find((pair) => pair[0] === name)?.[1];
  if (head.status !== 101) return `the server answered ${head.status}`;
  if (head.upgrade?.toLowerCase() !== 'websocket') return 'the server upgraded to something else';
  if (field('sec-websocket-accept') !== acceptOf(key)) return 'Sec-WebSocket-Accept is wrong';
  const protocol = field('sec-websocket-protocol');
  if (protocol !== undefined && !protocols.includes(protocol)) {
    return 'the server chose a protocol nobody asked for';
  }
  return undefined;
}

/** A handshake that is under way. */
class Handshake {
  readonly #context: FetchContext;
  readonly #url: URL;
  readonly #protocols: readonly string[];
  readonly #headers: Headers;
  readonly #deflates: boolean;
  readonly #abort = new AbortController();

  constructor(
    context: FetchContext,
    url: URL,
    protocols: readonly string[],
    { headers, perMessageDeflate = false }: ClientOptions,
  ) {
    this.#context = context;
    this.#url = url;
    this.#protocols = protocols;
    this.#headers = new Headers(headers);
    this.#deflates = perMessageDeflate && canDeflate();
  }

  /** Gives up. */
  stop(): void {
    this.#abort.abort(new Error('The WebSocket was closed before it was open'));
  }

  #head(key: string): string {
    const { host, pathname, search } = this.#url;
    const headers = new Headers(this.#headers);
    if (!headers.has('host')) headers.set('host', host);
    headers.set('upgrade', 'websocket');
    headers.set('connection', 'Upgrade');
    headers.set('sec-websocket-version', '13');
    headers.set('sec-websocket-key', key);
    if (this.#deflates) headers.set('sec-websocket-extensions', OFFER);
    if (this.#protocols.length > 0) {
      headers.set('sec-websocket-protocol', this.#protocols.join(', '));
    }
    return formatHead(`GET ${pathname}${search} HTTP/1.1`, headers);
  }

  async run(face: SocketFace): Promise<void> {
    const { pool, limits, hasTls } = this.#context;
    try {
      const { signal } = this.#abort;
      const key = randomKey();
      const client = await pool.acquire(originOf(this.#url, hasTls), signal, true);
      const exchange = new Exchange(
        client,
        pool,
        {
          method: 'GET',
          head: this.#head(key),
          body: undefined,
          isChunked: false,
          trailers: undefined,
          awaitsContinue: false,
          closes: true,
        },
        limits,
      );
      watchSignal(exchange, signal);
      const head = await exchange.run();
      const [, extensions = ''] =
        head.fields.find(([name]) => name === 'sec-websocket-extensions') ?? [];
      const codec = this.#deflates ? readAnswer(extensions) : undefined;
      const reason =
        flawOf(head, key, this.#protocols) ??
        (extensions !== '' && !codec ? 'the server uses an extension nobody asked for' : undefined);
      if (reason !== undefined) {
        const error = new NetError('EPROTO', `Cannot open a WebSocket to ${face.url}`, { reason });
        exchange.fail(error);
        throw error;
      }
      const [, protocol = ''] =
        head.fields.find(([name]) => name === 'sec-websocket-protocol') ?? [];
      face.open(takeOver(exchange.handOver()), protocol, codec);
    } catch (error) {
      face.refuse(error);
    }
  }
}

/**
 * Makes the WebSocket class of an HttpApi.
 *
 * @param context - Pool and limits.
 * @returns The class.
 * @throws Never.
 */
export function webSocketOver(context: FetchContext): typeof globalThis.WebSocket {
  class WebSocket extends SocketFace {
    readonly #handshake: Handshake;

    constructor(given: string | URL, second: string | string[] | ClientOptions = []) {
      const options =
        typeof second === 'string' || Array.isArray(second) ? { protocols: second } : second;
      const url = httpUrlOf(given);
      if (url.protocol === 'https:' && !context.hasTls) {
        throw new TypeError('unsupported protocol: wss:');
      }
      const protocols = protocolsOf(options.protocols ?? []);
      super(url.href.replace('http', 'ws'), false, { maxPayload: MAX_PAYLOAD, idleTimeout: 0 });
      this.#handshake = new Handshake(context, url, protocols, options);
      void this.#handshake.run(this);
    }

    override giveUp(): void {
      this.#handshake.stop();
    }
  }
  return WebSocket as unknown as typeof globalThis.WebSocket;
}
