// SPDX-License-Identifier: MIT
// send_arguments - the many ways to call send(), as a list of buffers, a destination and a callback

import { Buffer } from 'node:buffer';
import { checkPort, checkString } from '../checks.ts';
import { invalidArgType } from '../errors.ts';
import { wrong } from './errors.ts';

/** Called when a datagram is sent, or was not. */
export type SendCallback = (error: Error | null, bytes?: number) => void;

/** The data to send, and their destination. */
export interface SendArguments {
  readonly list: Buffer[];
  readonly port: number | undefined;
  readonly address: string | undefined;
  readonly callback: SendCallback | undefined;
}

const KINDS = ['Buffer', 'TypedArray', 'DataView', 'string'];

/** The bytes of a view or text; undefined: it is neither. */
function bytesOf(data: unknown): Buffer | undefined {
  if (typeof data === 'string') return Buffer.from(data);
  if (!ArrayBuffer.isView(data)) return undefined;
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** A part of the bytes of a view or text. */
function slice(data: unknown, offset: unknown, length: unknown): Buffer {
  const bytes = bytesOf(data);
  if (!bytes) throw invalidArgType('buffer', KINDS, data);
  const [from, count] = [Number(offset) >>> 0, Number(length) >>> 0];
  if (from > bytes.length) throw wrong.bounds('offset');
  if (from + count > bytes.length) throw wrong.bounds('length');
  return bytes.subarray(from, from + count);
}

function listOf(data: unknown): Buffer[] {
  if (!Array.isArray(data)) {
    const bytes = bytesOf(data);
    if (!bytes) throw invalidArgType('buffer', KINDS, data);
    return [bytes];
  }
  return data.map((one) => {
    const bytes = bytesOf(one);
    if (bytes) return bytes;
    throw invalidArgType('buffer list arguments', KINDS, data);
  });
}

/**
 * Reads the arguments of send().
 *
 * @param args - `(data, [offset, length,] [port, [address,]] [callback])`.
 * @param isConnected - Then there is neither port nor address.
 * @returns The data, the destination and the callback that they give.
 * @throws Node's errors of wrong arguments.
 */
export function sendArguments(args: readonly unknown[], isConnected: boolean): SendArguments {
  let [data, offset, length, port, address, callback] = args;
  if (!isConnected) {
    if (address || (port && typeof port !== 'function')) data = slice(data, offset, length);
    else [callback, port, address] = [port, offset, length];
  } else {
    if (typeof length === 'number') {
      data = slice(data, offset, length);
      if (typeof port === 'function') [callback, port] = [port, null];
    } else {
      callback = offset;
    }
    if (port || address) throw wrong.connected();
  }
  const list = listOf(data);
  const to = isConnected ? undefined : checkPort(port, 'Port', false);
  if (typeof address === 'function') [callback, address] = [address, undefined];
  else if (address != null) checkString(address, 'address');
  return {
    list,
    port: to,
    address: (address as string | null | undefined) || undefined,
    callback: typeof callback === 'function' ? (callback as SendCallback) : undefined,
  };
}
