// SPDX-License-Identifier: MIT
// http - HTTP over a stack's loopback for tests, and clients and servers by hand; for any runtime

import type { NetworkStack, TcpConnection } from 'ringstack';
import { createHttp, type HttpApi, type HttpOptions } from 'ringstack/http';
import { onTestFinished } from 'vitest';
import { ignore, openStack } from './net.ts';

/** A stack and HTTP over it. */
export interface Web extends HttpApi {
  readonly stack: NetworkStack;
}

/** HTTP over a stack of its own, closed when the running test ends. */
export async function openWeb(options?: HttpOptions): Promise<Web> {
  const stack = await openStack();
  const http = await createHttp(stack, options);
  onTestFinished(() => http.close());
  return { ...http, stack };
}

/** A connection that is spoken over by hand. */
export class Wire {
  readonly connection: TcpConnection;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #heard = '';

  constructor(connection: TcpConnection) {
    this.connection = connection;
    this.#reader = connection.readable.getReader();
    this.#writer = connection.writable.getWriter();
    this.#writer.closed.catch(() => {});
  }

  /** Sends text, latin1. */
  async say(text: string): Promise<void> {
    await this.#writer.write(Uint8Array.from(text, (char) => char.charCodeAt(0)));
  }

  /** Sends bytes. */
  async sayBytes(bytes: Uint8Array): Promise<void> {
    await this.#writer.write(bytes);
  }

  /** Ends our side. */
  async hangUp(): Promise<void> {
    await this.#writer.close();
  }

  /** Waits for a text; returns what came up to and with it, which later calls do not see again. */
  async hear(text: string): Promise<string> {
    for (;;) {
      const at = this.#heard.indexOf(text);
      if (at >= 0) {
        const heard = this.#heard.slice(0, at + text.length);
        this.#heard = this.#heard.slice(at + text.length);
        return heard;
      }
      if (!(await this.#more())) {
        throw new Error(`Heard ${JSON.stringify(this.#heard)}, not ${JSON.stringify(text)}`);
      }
    }
  }

  /** Waits for so many bytes; returns them as latin1. */
  async hearBytes(length: number): Promise<string> {
    while (this.#heard.length < length && (await this.#more()));
    const heard = this.#heard.slice(0, length);
    this.#heard = this.#heard.slice(length);
    return heard;
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#reader.read();
    if (!done) this.#heard += String.fromCharCode(...value);
    return !done;
  }

  /** Reads until the peer ends its side, or resets the connection. */
  async rest(): Promise<string> {
    try {
      while (await this.#more());
    } catch {
      // It was reset.
    }
    const heard = this.#heard;
    this.#heard = '';
    return heard;
  }
}

/** Connects by hand. */
export async function dial(stack: NetworkStack, port: number): Promise<Wire> {
  return new Wire(await stack.connectTcp({ host: '127.0.0.1', port }));
}

/** Sends text to a port; returns everything that is answered until the connection ends. */
export async function askRaw(stack: NetworkStack, port: number, text: string): Promise<string> {
  const wire = await dial(stack, port);
  // A server may refuse before it has heard all of it.
  await wire.say(text).catch(ignore);
  return wire.rest();
}

/** A server by hand: each connection is spoken over by a function. Returns its port. */
export async function answerBy(
  stack: NetworkStack,
  speak: (wire: Wire, count: number) => Promise<unknown>,
  at = 0,
): Promise<{ port: number; url: string; connections: () => number }> {
  const listener = await stack.listenTcp({ port: at });
  let count = 0;
  void (async () => {
    for await (const connection of listener) speak(new Wire(connection), count++).catch(() => {});
  })();
  const { port } = listener;
  return { port, url: `http://127.0.0.1:${port}/`, connections: () => count };
}

/** A response. */
export const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** Answers every request on a connection with the same text. */
export const always =
  (answer: string) =>
  async (wire: Wire): Promise<void> => {
    for (;;) {
      await wire.hear('\r\n\r\n');
      await wire.say(answer);
    }
  };

/** Answers answerOnce and ends the connection. */
export const answerOnce =
  (answer: string) =>
  async (wire: Wire): Promise<void> => {
    await wire.hear('\r\n\r\n');
    await wire.say(answer);
    await wire.hangUp();
  };

/** How a fetch failed: its name, and the code of the error behind it. */
export async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    const { name, cause } = error as Error & { cause?: { code?: string } };
    return cause?.code === undefined ? name : `${name} ${cause.code}`;
  }
}
