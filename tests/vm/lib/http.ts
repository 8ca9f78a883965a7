// SPDX-License-Identifier: MIT
// http - as much of HTTP/1.1 as programs and guests need to talk to a stack: a server and a GET

import type { NetworkStack, TcpConnection, TcpListener } from 'ringstack';
import { bytes, concat, text } from '../../helpers/net.ts';
import { Digest, payload } from './payload.ts';

/** Bytes of a connection, line by line or in numbers. */
class Reader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #rest = new Uint8Array();

  constructor(connection: TcpConnection) {
    this.#iterator = connection[Symbol.asyncIterator]();
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#iterator.next();
    if (!done) this.#rest = concat([this.#rest, value]) as Uint8Array<ArrayBuffer>;
    return !done;
  }

  /** Everything to an empty line; undefined at the end of the stream. */
  async head(): Promise<string | undefined> {
    for (;;) {
      const at = text(this.#rest).indexOf('\r\n\r\n');
      if (at >= 0) {
        const head = text(this.#rest.subarray(0, at));
        this.#rest = this.#rest.slice(at + 4);
        return head;
      }
      if (!(await this.#more())) return undefined;
    }
  }

  /** Feeds so many bytes, or all to the end. */
  async body(length: number, digest: Digest): Promise<void> {
    for (let left = length; left > 0; ) {
      if (this.#rest.length === 0 && !(await this.#more())) return;
      const taken = this.#rest.subarray(0, left);
      digest.update(taken);
      left -= taken.length;
      this.#rest = this.#rest.slice(taken.length);
    }
  }
}

const lengthOf = (head: string, otherwise: number): number =>
  Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? otherwise);

/** Answers the requests of one connection: GET /SEED/SIZE with a payload, POST with its digest. */
async function answer(connection: TcpConnection): Promise<void> {
  const reader = new Reader(connection);
  const writer = connection.writable.getWriter();
  for (let head = await reader.head(); head !== undefined; head = await reader.head()) {
    if (/^expect:/im.test(head)) await writer.write(bytes('HTTP/1.1 100 Continue\r\n\r\n'));
    const [, seed = '0', size = '0'] = /^GET \/(\d+)\/(\d+)/.exec(head) ?? [];
    const digest = new Digest();
    await reader.body(lengthOf(head, 0), digest);
    const isPost = head.startsWith('POST');
    const reply = isPost ? `${digest}` : undefined;
    const length = reply?.length ?? Number(size);
    const close = /^connection: *close/im.test(head) || / HTTP\/1\.0\b/.test(head);
    await writer.write(
      bytes(
        `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n${close ? 'Connection: close\r\n' : ''}\r\n`,
      ),
    );
    if (reply !== undefined) await writer.write(bytes(reply));
    else for (const piece of payload(Number(seed), length)) await writer.write(piece);
    if (close) break;
  }
  await writer.close();
}

/** A web server: GET /SEED/SIZE gives a payload, POST the digest of what was sent. */
export async function serveHttp(stack: NetworkStack, port = 80): Promise<TcpListener> {
  const listener = await stack.listenTcp({ port });
  void (async () => {
    for await (const connection of listener) answer(connection).catch(() => {});
  })().catch(() => {});
  return listener;
}

/** Gets a document. Returns its digest. */
export async function getHttp(
  stack: NetworkStack,
  host: string,
  path: string,
  port = 80,
): Promise<{ status: number; digest: string }> {
  const connection = await stack.connectTcp({ host, port });
  const writer = connection.writable.getWriter();
  const name = host.includes(':') ? `[${host}]` : host;
  await writer.write(bytes(`GET ${path} HTTP/1.0\r\nHost: ${name}\r\n\r\n`));
  const reader = new Reader(connection);
  const head = (await reader.head()) ?? '';
  const digest = new Digest();
  await reader.body(lengthOf(head, Number.POSITIVE_INFINITY), digest);
  await connection.close();
  return { status: Number(head.split(' ')[1]), digest: digest.toString() };
}
