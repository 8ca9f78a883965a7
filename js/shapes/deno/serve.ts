// SPDX-License-Identifier: MIT
// serve - serve(): a server of ringstack/http at once, whose listener comes from the stack
//
// ringstack/http is loaded when the first server is made; connections wait in the listener until then.

import type { NetworkStack } from '../../api/stack.ts';
import type { HttpServer, TlsProvider } from '../../http/types.ts';
import type { UpgradeWebSocketOptions, WebSocketUpgrade } from '../../http/websocket_server.ts';
import { handled } from '../../util/deferred.ts';
import { ASYNC_DISPOSE } from '../../util/dispose.ts';
import { tcpAddr } from './address.ts';
import { denoErrorOf, errors } from './errors.ts';
import { bindListener } from './listener.ts';
import type { DenoHttpServer, ServeHandler, ServeOptions } from './serve_types.ts';
import type { NetAddr } from './types.ts';

const PORT = 8000;
/** ms: the longest that a timer takes. */
const FOREVER = 0x7fffffff;

type Http = typeof import('../../http/http.ts');

let http: Http | undefined;

async function loadHttp(): Promise<Http> {
  http ??= await import('../../http/http.ts');
  return http;
}

/** Parts of a server. */
interface Parts {
  readonly stack: NetworkStack;
  readonly tls: TlsProvider | undefined;
  readonly options: ServeOptions;
  readonly handler: ServeHandler;
}

/** Certificates for the TLS provider; undefined: HTTP. */
function certificatesOf({ options, tls }: Parts): object | undefined {
  const { cert, key } = options;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new TypeError("Both 'cert' and 'key' must be provided to enable HTTPS");
  }
  if (!tls?.accept) {
    throw new errors.NotSupported('HTTPS needs `tls` of createDeno(), with accept()');
  }
  return { cert, key, alpnProtocols: ['http/1.1'] };
}

/** A server. */
class DenoServer implements DenoHttpServer {
  readonly addr: NetAddr;
  readonly finished: Promise<void>;
  readonly #parts: Parts;
  readonly #bound: ReturnType<typeof bindListener>['bound'];
  readonly #serving: Promise<HttpServer>;
  #isRefed = true;

  constructor(parts: Parts) {
    const certificates = certificatesOf(parts);
    const { stack, options } = parts;
    const { bound, host } = bindListener(stack, { ...options, port: options.port ?? PORT });
    this.#parts = parts;
    this.#bound = bound;
    this.addr = tcpAddr(host, bound.port);
    this.#serving = handled(this.#serve(certificates));
    this.finished = handled(this.#finish());
  }

  async #serve(certificates: object | undefined): Promise<HttpServer> {
    const { stack, tls, options, handler } = this.#parts;
    const [{ createHttp }, listener] = await Promise.all([loadHttp(), this.#bound.opened]);
    if (this.#isRefed) listener.ref();
    const transport = {
      connect: (to: { host: string; port: number }) => stack.connectTcp(to),
      listen: async () => listener,
    };
    const { serve } = await createHttp(transport, tls ? { tls } : {});
    return serve(
      {
        port: this.addr.port,
        host: this.addr.hostname,
        ...(certificates && { tls: certificates }),
        ...(options.onError && { onError: options.onError }),
      },
      (request, { remoteAddress, remotePort, completed }) =>
        handler(request, { remoteAddr: tcpAddr(remoteAddress, remotePort), completed }),
    );
  }

  async #finish(): Promise<void> {
    const { signal } = this.#parts.options;
    const abort = (): void => void this.#close(0);
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await (await this.#serving).closed;
    } catch (error) {
      throw denoErrorOf(error);
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#bound.close();
    }
  }

  async #close(timeout: number): Promise<void> {
    // A server that could not listen tells so by `finished`.
    const server = await this.#serving.catch(() => undefined);
    await server?.close({ timeout });
    await this.finished.catch(() => {});
  }

  shutdown(): Promise<void> {
    return this.#close(FOREVER);
  }

  ref(): void {
    this.#isRefed = true;
    void this.#bound.opened.then((listener) => listener.ref()).catch(() => {});
  }

  unref(): void {
    this.#isRefed = false;
    void this.#bound.opened.then((listener) => listener.unref()).catch(() => {});
  }

  [ASYNC_DISPOSE](): Promise<void> {
    return this.shutdown();
  }
}

/** Serves: see DenoApi. */
export function serve(
  stack: NetworkStack,
  tls: TlsProvider | undefined,
  first: ServeOptions | ServeHandler,
  second: ServeHandler | undefined,
): DenoHttpServer {
  const options = typeof first === 'function' ? {} : (first ?? {});
  const { handler: own, onListen } = options as ServeOptions & { handler?: ServeHandler };
  const handler = typeof first === 'function' ? first : (second ?? own);
  if (typeof handler !== 'function') {
    throw new TypeError(
      `Cannot serve HTTP requests: handler must be a function, received ${typeof handler}`,
    );
  }
  const server = new DenoServer({ stack, tls, options, handler });
  onListen?.(server.addr);
  return server;
}

/** Answers a request of serve() with a WebSocket: see DenoApi. */
export function upgradeWebSocket(
  request: Request,
  options?: UpgradeWebSocketOptions,
): WebSocketUpgrade {
  if (!http) throw new TypeError('Cannot upgrade to a WebSocket: the request is not of serve()');
  return http.upgradeWebSocket(request, options);
}
