// SPDX-License-Identifier: MIT
// body_init - what a body is made from: the kinds that fetch() takes, as bytes or as a stream

/** A body to be sent. */
export interface OutgoingBody {
  /** All of it, where that is known at once. */
  readonly bytes?: Uint8Array;
  /** Else it comes from here. */
  readonly stream?: ReadableStream<Uint8Array>;
  /** Bytes of the stream, if known. */
  readonly length?: number;
  /** Content-Type that its kind implies. */
  readonly type?: string;
}

const encoder = new TextEncoder();

/** Bytes of a buffer or a view on one: a copy, since the caller may change it while it is sent. */
function bytesOf(source: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice();
  }
  return new Uint8Array(source.slice(0));
}

/** A stream of what an async iterable yields: Node's streams, generators. */
function streamOf(iterable: AsyncIterable<unknown>): ReadableStream<Uint8Array> {
  const iterator = iterable[Symbol.asyncIterator]();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else
          controller.enqueue(
            typeof value === 'string' ? encoder.encode(value) : (value as Uint8Array),
          );
      },
      async cancel(reason) {
        await iterator.return?.(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * The form in which a body is sent.
 *
 * @param body - As for fetch(): text, form, blob, buffer, stream; or an async iterable of chunks.
 * @returns The bytes, or a stream; undefined if there is none.
 * @throws {TypeError} If it is a stream with another reader.
 */
export function bodyOf(body: unknown): OutgoingBody | undefined {
  if (body === null || body === undefined) return undefined;
  if (typeof body === 'string') {
    return { bytes: encoder.encode(body), type: 'text/plain;charset=UTF-8' };
  }
  if (body instanceof URLSearchParams) {
    const type = 'application/x-www-form-urlencoded;charset=UTF-8';
    return { bytes: encoder.encode(body.toString()), type };
  }
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return { bytes: bytesOf(body) };
  if (body instanceof Blob) {
    const stream = body.stream() as ReadableStream<Uint8Array>;
    return { stream, length: body.size, ...(body.type !== '' && { type: body.type }) };
  }
  if (body instanceof FormData) {
    // The runtime writes the parts, and says with which boundary.
    const form = new Response(body);
    return {
      stream: form.body as ReadableStream<Uint8Array>,
      type: form.headers.get('content-type') ?? 'multipart/form-data',
    };
  }
  if (body instanceof ReadableStream) {
    if (body.locked) throw new TypeError('Cannot send a body: its stream is locked');
    return { stream: body };
  }
  if (typeof body === 'object' && Symbol.asyncIterator in body) {
    return { stream: streamOf(body as AsyncIterable<unknown>) };
  }
  return { bytes: encoder.encode(String(body)), type: 'text/plain;charset=UTF-8' };
}
