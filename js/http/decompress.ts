// SPDX-License-Identifier: MIT
// decompress - Content-Encoding of responses, by the runtime's DecompressionStream

/** Whether the runtime can. */
export const CAN_DECOMPRESS = typeof DecompressionStream === 'function';

/** Encodings of one body at the most: each costs memory and time, and nobody sends more than one. */
const MAX_ENCODINGS = 5;

type Bytes = ReadableStream<Uint8Array>;

/** First byte of deflate in zlib's wrapper, as the standard has it; some servers send it bare. */
const isZlib = (first: number): boolean => (first & 15) === 8;

function formatOf(encoding: string, first: number): CompressionFormat {
  if (encoding === 'deflate') return isZlib(first) ? 'deflate' : 'deflate-raw';
  return 'gzip';
}

/** A stream that begins with a chunk that was read from it. */
function behind(first: Uint8Array, reader: ReadableStreamDefaultReader<Uint8Array>): Bytes {
  let isFirst = true;
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = isFirst ? { done: false, value: first } : await reader.read();
        isFirst = false;
        if (done) controller.close();
        else controller.enqueue(value as Uint8Array);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** Undoes one encoding. A body without a byte stays one: gzip would call it cut short. */
function decoded(body: Bytes, encoding: string): Bytes {
  const reader = body.getReader();
  let output: ReadableStreamDefaultReader<Uint8Array> | undefined;
  return new ReadableStream(
    {
      async pull(controller) {
        if (!output) {
          const { done, value } = await reader.read();
          if (done) {
            controller.close();
            return;
          }
          const stream = new DecompressionStream(formatOf(encoding, value[0] ?? 0));
          output = behind(value, reader)
            .pipeThrough(stream as ReadableWritablePair<Uint8Array, Uint8Array>)
            .getReader();
        }
        const { done, value } = await output.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => (output ?? reader).cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** The encodings of a Content-Encoding in the order to undo them; undefined if one is not known here. */
function encodingsOf(value: string): string[] | undefined {
  const names = value.split(',').map((name) => name.trim().toLowerCase());
  const coded = names.filter((name) => name !== 'identity' && name !== '').reverse();
  const isKnown = coded.every((name) => name === 'gzip' || name === 'x-gzip' || name === 'deflate');
  return isKnown ? coded : undefined;
}

/**
 * Undoes the Content-Encoding of a body.
 *
 * @param body - As it came.
 * @param value - The field.
 * @returns The content; the body as it came if an encoding is not known.
 * @throws {TypeError} If there are more than five.
 */
export function decompress(body: Bytes, value: string | null): Bytes {
  const encodings = value === null || !CAN_DECOMPRESS ? undefined : encodingsOf(value);
  if (!encodings || encodings.length === 0) return body;
  if (encodings.length > MAX_ENCODINGS) {
    throw new TypeError(`Cannot decode a body of more than ${MAX_ENCODINGS} encodings`);
  }
  return encodings.reduce(decoded, body);
}
