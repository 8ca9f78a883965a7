// SPDX-License-Identifier: MIT
// websocket - frames of the WebSocket protocol: headers, masks, close codes (RFC 6455)

/** Opcodes. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Why a connection is failed: the close code, and what to say. */
export class WebSocketError extends Error {
  static {
    WebSocketError.prototype.name = 'WebSocketError';
  }

  /** Close code: 1002, 1007, 1009, … */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** A frame without its payload. */
export interface FrameHeader {
  readonly isFinal: boolean;
  /** RSV1: the message is compressed (RFC 7692). */
  readonly isCompressed: boolean;
  readonly opcode: number;
  /** Bytes of the payload. */
  readonly length: number;
  /** Offset of the masking key in the input; -1: not masked. */
  readonly mask: number;
  /** Bytes of the header, key and all. */
  readonly size: number;
}

const bad = (reason: string): WebSocketError => new WebSocketError(1002, reason);

/** The length in a header of at least so many bytes. */
function lengthOf(view: DataView, seven: number): number {
  if (seven < 126) return seven;
  const length =
    seven === 126 ? view.getUint16(2) : view.getUint32(2) * 2 ** 32 + view.getUint32(6);
  if (length < (seven === 126 ? 126 : 65_536))
    throw bad('a length is not written in its shortest form');
  if (!Number.isSafeInteger(length))
    throw new WebSocketError(1009, 'a frame is longer than any message');
  return length;
}

/**
 * Reads the header of a frame.
 *
 * @param bytes - The input that has come.
 * @param isMasked - Whether frames from there have to be masked (a server's input) or must not be.
 * @param mayCompress - Whether messages may be compressed, which the first frame of each says.
 * @returns The header; undefined if it has not come whole.
 * @throws {WebSocketError} If it is against the protocol.
 */
export function parseFrame(
  bytes: Uint8Array,
  isMasked: boolean,
  mayCompress = false,
): FrameHeader | undefined {
  const [first = 0, second = 0] = bytes;
  if (bytes.length < 2) return undefined;
  const opcode = first & 15;
  const isFinal = (first & 0x80) !== 0;
  const seven = second & 0x7f;
  const isCompressed = (first & 0x40) !== 0;
  const isFirst = opcode === OPCODE.text || opcode === OPCODE.binary;
  if (first & (mayCompress && isFirst ? 0x30 : 0x70)) throw bad('a reserved bit is set');
  if (opcode > OPCODE.pong || (opcode > OPCODE.binary && opcode < OPCODE.close)) {
    throw bad(`opcode ${opcode} is not known`);
  }
  if (((second & 0x80) !== 0) !== isMasked) {
    throw bad(isMasked ? 'a client sent a frame without a mask' : 'a server sent a masked frame');
  }
  if (opcode >= OPCODE.close && (!isFinal || seven > 125)) {
    throw bad('a control frame is cut in pieces, or longer than 125 bytes');
  }
  const fixed = seven < 126 ? 2 : seven === 126 ? 4 : 10;
  const size = fixed + (isMasked ? 4 : 0);
  if (bytes.length < size) return undefined;
  const length = lengthOf(new DataView(bytes.buffer, bytes.byteOffset, fixed), seven);
  return { isFinal, isCompressed, opcode, length, mask: isMasked ? fixed : -1, size };
}

/**
 * Masks or unmasks in place.
 *
 * @param data - Part of a payload.
 * @param key - 4 bytes.
 * @param from - Offset of the part in the payload.
 * @throws Never.
 */
export function applyMask(data: Uint8Array, key: Uint8Array, from = 0): void {
  const [a = 0, b = 0, c = 0, d = 0] = [0, 1, 2, 3].map((i) => key[(from + i) & 3]);
  const end = data.length & ~3;
  for (let i = 0; i < end; i += 4) {
    data[i] = (data[i] as number) ^ a;
    data[i + 1] = (data[i + 1] as number) ^ b;
    data[i + 2] = (data[i + 2] as number) ^ c;
    data[i + 3] = (data[i + 3] as number) ^ d;
  }
  for (let i = end; i < data.length; i++) {
    data[i] = (data[i] as number) ^ (key[(from + i) & 3] as number);
  }
}

/**
 * Writes a frame that is not fragmented.
 *
 * @param opcode - See OPCODE.
 * @param payload - Copied.
 * @param key - 4 bytes that mask it, as a client must; undefined: no mask.
 * @param isCompressed - Whether the payload is compressed.
 * @returns The frame.
 * @throws Never.
 */
export function formatFrame(
  opcode: number,
  payload: Uint8Array,
  key: Uint8Array | undefined,
  isCompressed = false,
): Uint8Array<ArrayBuffer> {
  const { length } = payload;
  const fixed = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const size = fixed + (key ? 4 : 0);
  const frame = new Uint8Array(size + length);
  const view = new DataView(frame.buffer);
  frame[0] = (isCompressed ? 0xc0 : 0x80) | opcode;
  frame[1] = (key ? 0x80 : 0) | (fixed === 2 ? length : fixed === 4 ? 126 : 127);
  if (fixed === 4) view.setUint16(2, length);
  if (fixed === 10) {
    view.setUint32(2, Math.floor(length / 2 ** 32));
    view.setUint32(6, length >>> 0);
  }
  frame.set(payload, size);
  if (key) {
    frame.set(key, fixed);
    applyMask(frame.subarray(size), key);
  }
  return frame;
}

/** Whether a peer may close with a code: 1004 to 1006 and 1015 never travel (RFC 6455, 7.4). */
export function isCloseCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
    (code >= 3000 && code <= 4999)
  );
}
