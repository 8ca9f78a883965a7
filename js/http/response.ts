// SPDX-License-Identifier: MIT
// response - what fetch() resolves with: a Response that keeps what the class of a page would drop
//
// A page's Response has no Set-Cookie, no status above 599, no address: here those are own properties. In Node
// most would not be needed, but the response is the same everywhere.

/** The parts of a response beside its body. */
export interface ResponseParts {
  /** 100 to 999. */
  readonly status: number;
  /** Reason phrase. */
  readonly statusText: string;
  /** All of them. */
  readonly headers: Headers;
  /** Its URL, without a fragment. */
  readonly url: string;
  /** Whether it came after a redirect. */
  readonly redirected: boolean;
  /** The fields behind the body. */
  readonly trailers: Promise<Headers>;
}

/** Statuses with which a Response must have no body. */
const NULL_BODY = new Set([101, 103, 204, 205, 304]);

/**
 * A response of fetch().
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createHttp } from 'ringstack/http';
 *
 * const stack = await createStack();
 * const { serve, fetch } = await createHttp(stack);
 * const headers: [string, string][] = [['set-cookie', 'a=1'], ['set-cookie', 'b=2']];
 * await serve(() => ({ headers, trailers: { digest: 'abc' }, body: 'text' }));
 * const response = await fetch('http://localhost/');
 * assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
 * assert.equal(await response.text(), 'text');
 * assert.equal((await response.trailers).get('digest'), 'abc');
 * await stack.close();
 * ```
 */
export class HttpResponse extends Response {
  /** The fields behind the body, when that has been read; empty if there are none. */
  readonly trailers: Promise<Headers>;

  readonly #parts: ResponseParts;

  /**
   * Made by fetch().
   *
   * @param body - The rest of the body, which is not read yet.
   * @param parts - The rest.
   * @throws Never.
   */
  constructor(body: ReadableStream<Uint8Array> | Uint8Array | null, parts: ResponseParts) {
    const { status } = parts;
    // A Response takes 200 to 599, and no body with some of these.
    const isUsual = status >= 200 && status <= 599;
    super(NULL_BODY.has(status) ? null : (body as BodyInit | null), {
      status: isUsual ? status : 200,
      headers: parts.headers,
    });
    this.#parts = parts;
    this.trailers = parts.trailers;
    const shown = { ...parts, ok: status >= 200 && status <= 299 };
    for (const name of ['headers', 'status', 'statusText', 'url', 'redirected', 'ok'] as const) {
      Object.defineProperty(this, name, {
        value: shown[name],
        configurable: true,
        enumerable: true,
      });
    }
  }

  /**
   * Copies it, as the standard has it.
   *
   * @returns The copy, with headers of its own.
   * @throws {TypeError} If the body was read already.
   */
  override clone(): HttpResponse {
    const { body } = super.clone();
    const headers = new Headers(this.headers);
    return new HttpResponse(body, { ...this.#parts, headers });
  }
}
