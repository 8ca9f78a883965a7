// SPDX-License-Identifier: MIT
// endpoint_types - the public interfaces of drivers; js/link/endpoint.ts makes endpoints of them

import type { FrameSink } from './types.ts';

/**
 * Lets a driver pass on the frames that it receives.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { type EndpointController, FrameEndpoint } from 'ringstack/link';
 *
 * let controller: EndpointController | undefined;
 * const endpoint = new FrameEndpoint({
 *   start: (given) => {
 *     controller = given;
 *   },
 *   send: () => true,
 *   ready: async () => {},
 * });
 * const reader = endpoint.readable.getReader();
 * controller?.push(Uint8Array.of(1, 2, 3));
 * assert.deepEqual((await reader.read()).value, Uint8Array.of(1, 2, 3));
 * controller?.end();
 * assert.equal((await reader.read()).done, true);
 * ```
 */
export interface EndpointController {
  /**
   * Passes on a frame of a source that can be paused.
   *
   * @param frame - Valid during the call only.
   * @returns false: not taken; offer it again after resume() of the driver.
   * @throws Never.
   */
  offer(frame: Uint8Array): boolean;
  /**
   * Passes on a frame of a source that cannot be paused: it waits in the queue, or is dropped.
   *
   * @param frame - Valid during the call only.
   * @throws Never.
   */
  push(frame: Uint8Array): void;
  /**
   * Counts a frame that was dropped: it was malformed, or send() took it and could not pass it on.
   *
   * @param way - Its direction: from the endpoint (`rx`) or to it (`tx`).
   * @throws Never.
   */
  drop(way: 'rx' | 'tx'): void;
  /**
   * Ends the endpoint.
   *
   * @param error - Why it failed. @default it has ended in order
   * @throws Never.
   */
  end(error?: unknown): void;
}

/**
 * Sends and receives frames over some medium. FrameEndpoint makes an endpoint of it.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { FrameEndpoint } from 'ringstack/link';
 *
 * const sent: Uint8Array[] = [];
 * const endpoint = new FrameEndpoint({
 *   send: (frame) => sent.push(frame.slice()) > 0,
 *   ready: async () => {},
 * });
 * await endpoint.writable.getWriter().write(Uint8Array.of(1, 2, 3));
 * assert.deepEqual(sent, [Uint8Array.of(1, 2, 3)]);
 * await endpoint.close();
 * ```
 */
export interface EndpointDriver extends FrameSink {
  /**
   * Begins; called by the constructor of the endpoint.
   *
   * @param controller - Passes on frames that are received.
   * @throws Any error; the constructor of the endpoint throws it too.
   */
  start?(controller: EndpointController): void;
  /**
   * Goes on: an offered frame was not taken, and now there is room.
   *
   * @throws Never.
   */
  resume?(): void;
  /**
   * Ends: the endpoint is closed. Not called if the driver itself has ended it.
   *
   * @returns A promise that settles when it has ended, if that takes time.
   * @throws Never.
   */
  close?(): void | Promise<void>;
}

/** Options of an endpoint. */
export interface EndpointOptions {
  /** Ethernet frames or IP packets. @default 'tap' */
  readonly type?: 'tap' | 'tun' | undefined;
  /** Largest IP packet, bytes. @default unknown: fits all */
  readonly mtu?: number | undefined;
  /** Bytes of frames that wait to be taken, if the source cannot be paused. @default 1 MiB */
  readonly queue?: number | undefined;
}

/** Counters of an endpoint, as seen from the link: rx frames come from the endpoint. */
export interface EndpointStatistics {
  /** Frames from the endpoint that were taken. */
  readonly rxFrames: number;
  /** Their bytes. */
  readonly rxBytes: number;
  /** Frames from the endpoint that were dropped: no reader, a full queue, or malformed. */
  readonly rxDropped: number;
  /** Frames that the endpoint took. */
  readonly txFrames: number;
  /** Their bytes. */
  readonly txBytes: number;
  /** Frames for the endpoint that were dropped: not connected, or no longer open. */
  readonly txDropped: number;
  /** Frames of either direction that are empty or longer than its MTU. */
  readonly tooLong: number;
}
