// SPDX-License-Identifier: MIT
// zero_copy - the public types of zero-copy access; imports nothing
//
// Zero-copy access gives views on the shared memory itself. A view is valid from the call that returned it
// until the call that ends its use, and no longer than the connection, the interface or the stack. Then the
// memory is used again: it must not be read or written any more. Text decoders, fetch() and postMessage()
// refuse views on shared memory; `slice()` makes a copy of one.

/**
 * Zero-copy access to what a connection receives. It holds the lock of the readable.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * await using listener = await stack.listenTcp({ port: 80 });
 * const client = await stack.connectTcp({ host: 'localhost', port: 80 });
 * const server = await listener.accept();
 *
 * const writer = client.getRingWriter();
 * await writer.ready();
 * const room = writer.reserve(100_000); // maybe less
 * room.fill(1);
 * writer.submit(room.length);
 * void writer.close();
 *
 * const reader = server.getRingReader();
 * let sum = 0;
 * while (await reader.ready()) {
 *   const view = reader.peek();
 *   for (const byte of view) sum += byte;
 *   reader.release(view.length);
 * }
 * assert.equal(sum, room.length);
 * await stack.close();
 * ```
 */
export interface ByteRingReader {
  /**
   * Waits for bytes.
   *
   * @returns true: peek() has some; false: none come any more, the peer has ended its side.
   * @throws {NetError} What the connection failed with, after the bytes that had arrived.
   * @throws {TypeError} If the lock was released.
   */
  ready(): Promise<boolean>;
  /**
   * The oldest bytes that are contiguous.
   *
   * @returns A view over shared memory, valid until release(); empty: nothing there now.
   * @throws {NetError} What the connection failed with.
   * @throws {TypeError} If the lock was released.
   */
  peek(): Uint8Array;
  /**
   * Releases the first bytes that peek() returned.
   *
   * @param length - How many.
   * @throws {RangeError} If peek() did not return so many.
   * @throws {NetError} What the connection failed with, or ECONNABORTED if it was closed.
   * @throws {TypeError} If the lock was released.
   */
  release(length: number): void;
  /**
   * Unlocks the readable, which goes on with what was not released. A ready() that waits fails.
   *
   * @throws Never.
   */
  releaseLock(): void;
}

/**
 * Zero-copy access to the send buffer of a connection. It holds the lock of the writable.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * await using listener = await stack.listenTcp({ port: 80 });
 * const client = await stack.connectTcp({ host: 'localhost', port: 80 });
 * const server = await listener.accept();
 * const writer = client.getRingWriter();
 * for (let left = 100_000; left > 0; ) {
 *   await writer.ready();
 *   const room = writer.reserve(left);
 *   room.fill(7);
 *   writer.submit(room.length);
 *   left -= room.length;
 * }
 * void writer.close();
 * let count = 0;
 * for await (const chunk of server) count += chunk.length;
 * assert.equal(count, 100_000);
 * await stack.close();
 * ```
 */
export interface ByteRingWriter {
  /**
   * Waits for room.
   *
   * @param least - Bytes worth waking for; half of the present buffer if that is less. @default 1
   * @throws {RangeError} If it is not a whole number from 1.
   * @throws {NetError} What the connection failed with, EPIPE if our side is closed.
   * @throws {TypeError} If the lock was released.
   */
  ready(least?: number): Promise<void>;
  /**
   * Finds contiguous room; the result of an earlier call is cancelled. If it is less than was wanted,
   * the buffer grows, up to the connection's sendBuffer.
   *
   * @param want - Bytes at the most.
   * @returns A view over shared memory to fill, valid until submit() or cancel(), maybe shorter than
   *   wanted; empty: full now.
   * @throws {RangeError} If want is not a whole number from 1.
   * @throws {NetError} What the connection failed with, EPIPE if our side is closed.
   * @throws {TypeError} If the lock was released.
   */
  reserve(want: number): Uint8Array;
  /**
   * Sends the first bytes of what reserve() returned.
   *
   * @param length - How many.
   * @throws {RangeError} If reserve() did not return so many.
   * @throws {NetError} What the connection failed with, EPIPE if our side is closed.
   * @throws {TypeError} If the lock was released.
   */
  submit(length: number): void;
  /**
   * Cancels what was reserved.
   *
   * @throws Never.
   */
  cancel(): void;
  /**
   * Sends FIN behind what was submitted; settles when the peer has acknowledged everything.
   *
   * @throws {NetError} ECONNRESET, ETIMEDOUT, … if not everything arrived.
   * @throws {TypeError} If the lock was released, or it is closed already.
   */
  close(): Promise<void>;
  /**
   * Unlocks the writable. Reserved room is cancelled; a ready() that waits fails.
   *
   * @throws Never.
   */
  releaseLock(): void;
}

/**
 * Zero-copy access to the frames that a stack sends. It holds the lock of the readable: the interface listens.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const [a, b] = [await createStack(), await createStack()];
 * const from = (await a.createTunInterface({ ip: '10.0.0.1/24' })).getRingReader();
 * const to = (await b.createTunInterface({ ip: '10.0.0.2/24' })).getRingWriter();
 * a.connectTcp({ host: '10.0.0.2', port: 80 }).catch(() => {});
 * assert.equal(await from.ready(), true);
 * const packet = from.peek();
 * assert.ok(packet);
 * await to.ready(packet.length);
 * to.reserve(packet.length)?.set(packet);
 * to.submit();
 * from.release();
 * await a.close();
 * await b.close();
 * ```
 */
export interface FrameRingReader {
  /** Resolves when the interface is gone; rejects with a TypeError when the lock is released. */
  readonly closed: Promise<void>;
  /**
   * Waits for a frame.
   *
   * @returns true: peek() has one; false: none come any more, the interface is gone.
   * @throws {TypeError} If the lock was released.
   */
  ready(): Promise<boolean>;
  /**
   * The oldest frame.
   *
   * @returns A view over shared memory, valid until release(); undefined: nothing there now.
   * @throws {TypeError} If the lock was released.
   */
  peek(): Uint8Array | undefined;
  /**
   * Releases the frame that peek() returned; does nothing without one.
   *
   * @throws {NetError} ENODEV if the interface was removed, ESHUTDOWN if its stack was closed.
   * @throws {TypeError} If the lock was released.
   */
  release(): void;
  /**
   * Unlocks the readable, which goes on with what was not released. A ready() that waits fails.
   *
   * @throws Never.
   */
  releaseLock(): void;
}

/**
 * Zero-copy access to the ring from which a stack takes frames. It holds the lock of the writable.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const tun = await stack.createTunInterface({ ip: '10.0.0.1/24' });
 * const writer = tun.getRingWriter();
 * for (let n = 0; n < 1000; n++) {
 *   await writer.ready(20);
 *   writer.reserve(20)?.fill(0x45);
 *   writer.submit();
 * }
 * assert.throws(() => writer.reserve(100_000), { code: 'EMSGSIZE' });
 * await stack.close();
 * ```
 */
export interface FrameRingWriter {
  /**
   * Waits for room; what was reserved is cancelled.
   *
   * @param length - Bytes of the frame.
   * @throws {NetError} EMSGSIZE if it can never fit, ENODEV if the interface was removed, ESHUTDOWN if
   *   its stack was closed.
   * @throws {RangeError} If it is not a whole number from 1.
   * @throws {TypeError} If the lock was released.
   */
  ready(length: number): Promise<void>;
  /**
   * Finds room for a frame; what an earlier call found is cancelled.
   *
   * @param length - Bytes of the frame.
   * @returns A view over shared memory to fill, valid until submit() or cancel(); undefined: full now.
   * @throws {NetError} EMSGSIZE if it can never fit, ENODEV if the interface was removed, ESHUTDOWN if
   *   its stack was closed.
   * @throws {RangeError} If it is not a whole number from 1.
   * @throws {TypeError} If the lock was released.
   */
  reserve(length: number): Uint8Array | undefined;
  /**
   * Hands the frame to the stack.
   *
   * @param length - Bytes of it, at most what was reserved. @default all
   * @throws {RangeError} If so much was not reserved.
   * @throws {NetError} ENODEV if the interface was removed, ESHUTDOWN if its stack was closed.
   * @throws {TypeError} If the lock was released.
   */
  submit(length?: number): void;
  /**
   * Cancels what was reserved.
   *
   * @throws Never.
   */
  cancel(): void;
  /**
   * Unlocks the writable. Reserved room is cancelled; a ready() that waits fails.
   *
   * @throws Never.
   */
  releaseLock(): void;
}
