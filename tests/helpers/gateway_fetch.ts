// SPDX-License-Identifier: MIT
// gateway_fetch - a guest whose HTTP goes out by fetch(), which reaches a server on another stack

import { type FetchHttpOptions, fetchHttp, type GatewayOptions } from 'ringstack/gateway';
import { createHttp, type HttpHandler } from 'ringstack/http';
import { onTestFinished } from 'vitest';
import { FAR, type GatewayNetwork, gatewayNetwork } from './gateway.ts';
import { Wire } from './http.ts';
import { openStack } from './net.ts';

/** A fetch. */
export interface Asked {
  readonly url: string;
  readonly init: RequestInit;
}

/** A gateway by fetch(). */
export interface Fetching extends GatewayNetwork {
  /** The fetches. */
  readonly asked: Asked[];
  /** The guest's connection to port 80. */
  dial(host?: string): Promise<Wire>;
}

/** Why no host that is called absent is reached. */
export const REFUSED = 'the network is not there';

/** A guest behind a gateway whose fetch() reaches a server that answers by the handler, whatever the host is called. */
export async function fetching(
  handler: HttpHandler,
  options: Omit<FetchHttpOptions, 'fetch'> = {},
  gateway: GatewayOptions = {},
): Promise<Fetching> {
  const web = await openStack();
  const http = await createHttp(web);
  onTestFinished(() => http.close());
  await http.serve({ port: 80, requestTimeout: 0 }, handler);
  const asked: Asked[] = [];
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    asked.push({ url, init });
    const { pathname, search, host } = new URL(url);
    if (host.startsWith('absent'))
      throw new TypeError('fetch failed', { cause: new Error(REFUSED) });
    return http.fetch(`http://127.0.0.1${pathname}${search}`, init as never);
  };
  const net = await gatewayNetwork({ tcp: fetchHttp({ ...options, fetch }), ...gateway });
  const dial = async (host: string = FAR[4]): Promise<Wire> =>
    new Wire(await net.guest.connectTcp({ host, port: 80 }));
  return { ...net, asked, dial };
}

/** A request. */
export const get = (path: string, host: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;

/** The head and the body of a response that has its length. */
export async function response(wire: Wire): Promise<{ head: string; body: string }> {
  const head = await wire.hear('\r\n\r\n');
  const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
  let body = '';
  if (/transfer-encoding: chunked/.test(head)) body = await wire.hear('0\r\n\r\n');
  else if (length > 0) body = await wire.hearBytes(length);
  return { head, body };
}
