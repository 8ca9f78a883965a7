// SPDX-License-Identifier: MIT
// socket_values - the properties of a socket that a program reads

import { STATE, type StatefulSocket } from './socket_types.ts';

/** Values that a program reads. */
export const accessors: Record<string, (this: StatefulSocket) => unknown> = {
  pending() {
    return this[STATE].flow === undefined || this.connecting;
  },
  _connecting() {
    return this.connecting;
  },
  readyState() {
    if (this.connecting) return 'opening';
    if (this.readable && this.writable) return 'open';
    if (this.readable) return 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  },
  bufferSize() {
    return this[STATE].flow || this.connecting ? this.writableLength : undefined;
  },
  bytesRead() {
    const { flow, bytesRead } = this[STATE];
    return bytesRead + (flow?.bytesRead ?? 0);
  },
  bytesWritten() {
    const { bytesWritten, pending } = this[STATE];
    const { writableBuffer } = this as unknown as { writableBuffer?: { chunk: Uint8Array }[] };
    if (!writableBuffer) return undefined;
    let bytes = bytesWritten;
    for (const { chunk } of writableBuffer) bytes += chunk.length;
    for (const chunk of pending?.chunks ?? []) bytes += chunk.length;
    return bytes;
  },
  _bytesDispatched() {
    return this[STATE].bytesWritten;
  },
  remoteAddress() {
    return this[STATE].peer?.address;
  },
  remoteFamily() {
    return this[STATE].peer?.family;
  },
  remotePort() {
    return this[STATE].peer?.port;
  },
  localAddress() {
    return this[STATE].local?.address;
  },
  localFamily() {
    return this[STATE].local?.family;
  },
  localPort() {
    return this[STATE].local?.port;
  },
};
