// SPDX-License-Identifier: MIT
// types - the public interfaces of links: what an adapter implements, and what joins two; imports nothing

/**
 * Where frames go. Whoever gives a frame keeps it: the view is valid during the call only, and may be
 * over shared memory.
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
   * Takes a frame, or says that it is full. What it can never take (too long, no longer open) it drops,
   * and counts.
   *
   * @param frame - Valid during the call only.
   * @returns false: full now, not taken; offer it again after ready().
   * @throws Never.
   */
  send(frame: Uint8Array): boolean;
  /**
   * Waits until send() may take a frame, or nothing will ever be taken again.
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
  /** Settles when the endpoint has ended; rejects with what it failed with. Not by unplug(). */
  readonly closed: Promise<void>;
  /** Frames from the endpoint that were lost since it was plugged in: nobody took them in time. */
  readonly dropped?: number;
  /**
   * Gives the endpoint's streams back, as they are; it hands out no frame any more.
   *
   * @throws Never.
   */
  unplug(): void;
}

/**
 * One end of a link: anything that gives frames and takes frames. A tap or tun interface is one, and so is
 * every adapter; two streams are enough to make another.
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
  /** Ethernet frames (`tap`) or IP packets (`tun`). @default not known: fits both */
  readonly type?: 'tap' | 'tun' | undefined;
  /** Largest IP packet that fits into a frame, bytes. @default not known: fits all */
  readonly mtu?: number | undefined;
  /**
   * The direct form, which an endpoint may have: frames are passed by a call each, without a stream's
   * promises. Locks both streams until unplug().
   *
   * @param receiver - Takes what comes from the endpoint.
   * @returns The endpoint's own sink, and its end.
   * @throws {TypeError} If one of the streams is locked.
   */
  plug?(receiver: FrameSink): FramePlug;
}

/** What went one way over a link. */
export interface LaneStatistics {
  /** Frames that the other end took. */
  readonly frames: number;
  /** Their bytes. */
  readonly bytes: number;
  /** Frames that were lost because the other end did not take them in time. */
  readonly dropped: number;
  /** Frames dropped because they are longer than the other end's MTU. */
  readonly tooLong: number;
}

/** What went over a link, each way. */
export interface LinkStatistics {
  /** From the first endpoint to the second. */
  readonly aToB: LaneStatistics;
  /** From the second endpoint to the first. */
  readonly bToA: LaneStatistics;
}

/** Options of connect(). */
export interface LinkOptions {
  /** Joins ends of different MTUs: what is too long for one is dropped and counted. @default false */
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
   * Settles when the link is closed or one of its ends has ended; rejects with what an end failed with. The
   * other end is then as it was before, and can be joined again.
   */
  readonly closed: Promise<void>;
  /** What it has carried so far. */
  readonly statistics: LinkStatistics;
  /**
   * Takes the two apart. Both stay open.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}
