// SPDX-License-Identifier: MIT
// websocket_deflate - compressed messages of WebSockets: permessage-deflate (RFC 7692), negotiated and done
//
// Each message is compressed by itself, both ways: no_context_takeover. So nothing of a message is kept for the
// next one, 300 kB a connection less, and the calls of node:zlib that need no stream do it, in order.
//
// Without node:zlib, as in browsers, nothing is offered or taken. A DecompressionStream cannot be told that a
// message ends: it wants a last block, which most peers never send, and takes no byte behind one, which others do
// send. A CompressionStream has no flush, and neither says what it would give before it has given it: a message
// that grows a thousandfold could not be bounded.

import { isToken } from '../codec/http1.ts';
import { WebSocketError } from '../codec/websocket.ts';
import { builtin } from '../runtime/builtin.ts';

/** Bytes of a message that is not worth it. */
const MIN_LENGTH = 1024;
/** Bytes of one that would hold the thread for too long: about 20 ms. */
const MAX_LENGTH = 1_048_576;
/** Ends each message that is compressed, and is left away (RFC 7692, 7.2.1). */
const TAIL = Uint8Array.of(0, 0, 0xff, 0xff);
const NAME = 'permessage-deflate';

/** The parameters that a client asks for. */
export const OFFER = `${NAME}; server_no_context_takeover; client_no_context_takeover`;

/** Compresses and decompresses messages. */
export interface MessageCodec {
  /** Sec-WebSocket-Extensions that was agreed on. */
  readonly extensions: string;
  /**
   * Compresses a message.
   *
   * @param payload - The message.
   * @returns The bytes to send; undefined: the message as it is.
   */
  compress(payload: Uint8Array): Uint8Array | undefined;
  /**
   * Decompresses a message.
   *
   * @param payload - As it came.
   * @param most - Bytes it may have.
   * @returns The message.
   * @throws {WebSocketError} 1009 if it has more, 1007 if it is malformed.
   */
  expand(payload: Uint8Array, most: number): Uint8Array;
}

const zlib = () => builtin('node:zlib');

/** Whether this runtime can. */
export const canDeflate = (): boolean => zlib() !== undefined;

/** A codec; undefined where there is no zlib. */
function codecOf(extensions: string, windowBits: number): MessageCodec | undefined {
  const found = zlib();
  if (!found) return undefined;
  const { deflateRawSync, inflateRawSync, constants } = found;
  const finishFlush = constants.Z_SYNC_FLUSH;
  return {
    extensions,
    compress(payload) {
      if (payload.length < MIN_LENGTH || payload.length > MAX_LENGTH) return undefined;
      const result = deflateRawSync(payload, { windowBits, finishFlush });
      const { length } = result;
      return length - TAIL.length < payload.length ? result.subarray(0, -TAIL.length) : undefined;
    },
    expand(payload, most) {
      const whole = new Uint8Array(payload.length + TAIL.length);
      whole.set(payload);
      whole.set(TAIL, payload.length);
      try {
        const maxOutputLength = Math.max(1, Math.min(most, 0x7fffffff));
        return inflateRawSync(whole, { finishFlush, maxOutputLength }).slice();
      } catch (error) {
        if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') {
          throw new WebSocketError(1009, `a message has more than ${most} bytes`);
        }
        throw new WebSocketError(1007, 'a compressed message is malformed');
      }
    },
  };
}

type Parameters = ReadonlyMap<string, string>;

/** Parameters of each permessage-deflate in a field; undefined in place of one that is malformed. */
function parametersIn(field: string): (Parameters | undefined)[] {
  return field.split(',').flatMap((part) => {
    const [name = '', ...rest] = part.split(';').map((piece) => piece.trim());
    if (name !== NAME) return [];
    const pairs = rest.map((piece): [string, string] => {
      const [key = '', value = ''] = piece.split(/\s*=\s*/, 2);
      return [key, value.replace(/^"(.*)"$/, '$1')];
    });
    const isWhole = new Set(pairs.map(([key]) => key)).size === pairs.length;
    return [isWhole && pairs.every(([key]) => isToken(key)) ? new Map(pairs) : undefined];
  });
}

const isBits = (value: string): boolean => /^(?:[89]|1[0-5])$/.test(value);

/** Whether parameters are known, and have values where they must; a client may leave its own bits open. */
function areValid(parameters: Parameters, isOffer: boolean): boolean {
  return [...parameters].every(([key, value]) => {
    if (key === 'server_no_context_takeover' || key === 'client_no_context_takeover') {
      return value === '';
    }
    if (key === 'client_max_window_bits') return isBits(value) || (isOffer && value === '');
    return key === 'server_max_window_bits' && isBits(value);
  });
}

/**
 * Answers a client's offers.
 *
 * @param field - Its Sec-WebSocket-Extensions; null: none.
 * @returns The codec of the first offer that we can; undefined: none is taken.
 * @throws Never.
 */
export function acceptOffer(field: string | null): MessageCodec | undefined {
  for (const offer of parametersIn(field ?? '')) {
    if (!offer || !areValid(offer, true)) continue;
    const bits = offer.get('server_max_window_bits');
    // zlib makes no window of 8 bits without its wrapper.
    if (bits === '8') continue;
    const asked = bits === undefined ? '' : `; server_max_window_bits=${bits}`;
    return codecOf(OFFER + asked, Number(bits ?? 15));
  }
  return undefined;
}

/**
 * Reads a server's answer to OFFER.
 *
 * @param field - Its Sec-WebSocket-Extensions.
 * @returns The codec; undefined if it is no answer to what was offered.
 * @throws Never.
 */
export function readAnswer(field: string): MessageCodec | undefined {
  const [answer, ...others] = parametersIn(field);
  const isOne = others.length === 0 && field.split(',').length === 1;
  if (!answer || !isOne || !areValid(answer, false)) return undefined;
  // A parameter that we have not offered, or one that we cannot do without.
  if (answer.has('client_max_window_bits') || !answer.has('server_no_context_takeover')) {
    return undefined;
  }
  return codecOf(field, 15);
}
