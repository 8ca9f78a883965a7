// SPDX-License-Identifier: MIT
// dns_stream - messages of DNS in a stream: each with its length in two bytes before it (RFC 7766)

/** A message with its length before it. */
export function frameDns(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(message.length + 2);
  frame[0] = message.length >>> 8;
  frame[1] = message.length;
  frame.set(message, 2);
  return frame;
}

/** Takes a stream apart. It holds one message at the most, beside the chunk that it was given last. */
export class DnsFrames {
  #chunk: Uint8Array = new Uint8Array();
  #at = 0;
  /** The part of the length, and of the message behind it, that has come. */
  #length = 0;
  #lengthBytes = 0;
  #message: Uint8Array | undefined;
  #have = 0;

  /**
   * Takes the next bytes. next() must have been called until it found nothing.
   *
   * @param chunk - Not to be changed until then.
   */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** The next message, a copy; undefined if it has not come whole. */
  next(): Uint8Array | undefined {
    while (this.#lengthBytes < 2) {
      const byte = this.#chunk[this.#at];
      if (byte === undefined) return undefined;
      this.#at++;
      this.#length = (this.#length << 8) | byte;
      this.#lengthBytes++;
    }
    this.#message ??= new Uint8Array(this.#length);
    const count = Math.min(this.#length - this.#have, this.#chunk.length - this.#at);
    this.#message.set(this.#chunk.subarray(this.#at, this.#at + count), this.#have);
    this.#have += count;
    this.#at += count;
    if (this.#have < this.#length) return undefined;
    const message = this.#message;
    this.#message = undefined;
    this.#have = 0;
    this.#length = 0;
    this.#lengthBytes = 0;
    return message;
  }
}
