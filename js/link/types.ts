// SPDX-License-Identifier: MIT
// types - the public interfaces of endpoints and of links between two of them; imports nothing

/**
 * Takes frames. A frame belongs to the caller: the view is valid during the call only, and may be over
 * shared memory.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import type { FrameSink } from 'ringstack/link';
 *
 * const kept: Uint8Array[] = [];
 * const sink: FrameSink = {
 *   send(frame) {
 *     if (kept.length === 2) return false; // not taken: wait for ready(), and offer it again
 *     kept.push(frame.slice());
 *     return true;
 *   },
 *   async ready() {
 *     kept.length = 0;
 *   },
 * };
 * assert.deepEqual([1, 2, 3].map((byte) => sink.send(Uint8Array.of(byte))), [true, true, false]);
 * ```
 */
export interface FrameSink {
  /**
   * Takes a frame, or says that it is full. A frame that it can never take (too long, no longer open) is
   * dropped and counted.
   *
   * @param frame - Valid during the call only.
   * @returns false: full now and not taken; offer it again after ready().
   * @throws Never.
   */
  send(frame: Uint8Array): boolean;
  /**
   * Settles when send() may take a frame, or when it never will.
   *
   * @throws Never.
   */
  ready(): Promise<void>;
}

/**
 * An endpoint in use through its direct form.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { plugEndpoint } from 'ringstack/link';
 *
 * const stack = await createStack();
 * const tun = await stack.createTunInterface({ ip: '10.0.0.1/24' });
 * const lengths: number[] = [];
 * const plug = plugEndpoint(tun, {
 *   send: (packet) => lengths.push(packet.length) > 0,
 *   ready: async () => {},
 * });
 * await stack.connectTcp({ host: '10.0.0.2', port: 80, timeout: 50 }).catch(() => {});
 * assert.ok(lengths.length > 0); // the SYN
 * plug.unplug();
 * await stack.close();
 * ```
 */
export interface FramePlug {
  /** Takes frames for the endpoint. */
  readonly sink: FrameSink;
  /** Settles when the endpoint has ended; rejects with the error of the endpoint. unplug() does not settle it. */
  readonly closed: Promise<void>;
  /** Frames from the endpoint since it was plugged in that were lost, because they were not taken in time. */
  readonly dropped?: number;
  /** Bytes copied to pass frames to the endpoint since it was plugged in, alignment detours counted. */
  readonly bytesCopied?: number;
  /**
   * Unlocks the endpoint's streams, as they are. No frame is passed any more.
   *
   * @throws Never.
   */
  unplug(): void;
}

/**
 * One end of a link: anything that gives frames and takes frames. Tap and tun interfaces are endpoints, and so
 * is every adapter. Two streams are enough to make another.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { connect, type LinkEndpoint } from 'ringstack/link';
 *
 * // An endpoint of streams alone, which throws away what it is given.
 * let taken = 0;
 * const hole: LinkEndpoint = {
 *   readable: new ReadableStream(),
 *   writable: new WritableStream({ write: () => void taken++ }),
 * };
 * const stack = await createStack();
 * const tun = await stack.createTunInterface({ ip: '10.0.0.1/24' });
 * const link = connect(tun, hole);
 * await stack.connectTcp({ host: '10.0.0.2', port: 80, timeout: 50 }).catch(() => {});
 * assert.equal(link.statistics.aToB.frames, taken);
 * await link.close();
 * await stack.close();
 * ```
 */
export interface LinkEndpoint {
  /** Frames from the endpoint, one a chunk. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Frames for the endpoint, one a chunk. */
  readonly writable: WritableStream<Uint8Array>;
  /** Ethernet frames (`tap`) or IP packets (`tun`). @default unknown: fits both */
  readonly type?: 'tap' | 'tun' | undefined;
  /** Largest IP packet that fits into a frame, bytes. @default unknown: fits all */
  readonly mtu?: number | undefined;
  /**
   * The direct form, which an endpoint may have: each frame is passed by one call, without the promises of
   * streams. Locks both streams until unplug().
   *
   * @param receiver - Takes the frames from the endpoint.
   * @returns A sink for frames to the endpoint, and a promise of its end.
   * @throws {TypeError} If one of the streams is locked.
   */
  plug?(receiver: FrameSink): FramePlug;
}

/** Counters of one direction of a link. */
export interface LaneStatistics {
  /** Frames that the other end took. */
  readonly frames: number;
  /** Their bytes. */
  readonly bytes: number;
  /** Frames that were lost because the other end did not take them in time. */
  readonly dropped: number;
  /**
   * Bytes that the link copied, alignment detours counted. Copies inside an adapter do not count, and a wire
   * between two interfaces has none.
   */
  readonly bytesCopied: number;
  /** Frames dropped because they are longer than the other end's MTU. */
  readonly tooLong: number;
}

/** Counters of a link, each direction. */
export interface LinkStatistics {
  /** From the first endpoint to the second. */
  readonly aToB: LaneStatistics;
  /** From the second endpoint to the first. */
  readonly bToA: LaneStatistics;
}

/** Options of connect(). */
export interface LinkOptions {
  /** Joins ends of different MTUs: a frame that is too long for one is dropped and counted. @default false */
  readonly allowMtuMismatch?: boolean;
  /** Closes the link when it is aborted. */
  readonly signal?: AbortSignal;
}

/**
 * Two endpoints that are joined.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { connect } from 'ringstack/link';
 *
 * const stack = await createStack();
 * const one = await stack.createTapInterface();
 * const other = await stack.createTapInterface();
 * const link = connect(one, other);
 * assert.equal(one.readable.locked, true);
 * await link.close();
 * assert.equal(one.readable.locked, false); // for another link
 * await stack.close();
 * ```
 */
export interface Link extends AsyncDisposable {
  /**
   * Settles when the link is closed or one of its ends has ended; rejects with the error of an end that
   * failed. The other end is then as it was before, and can be joined again.
   */
  readonly closed: Promise<void>;
  /** Its counters at this moment. */
  readonly statistics: LinkStatistics;
  /**
   * Separates the two endpoints. Both stay open.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}
