// SPDX-License-Identifier: MIT
// endpoint_types - the public interfaces of drivers, of which js/link/endpoint.ts makes endpoints

import type { FrameSink } from './types.ts';

/**
 * What a driver hands over frames with.
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
   * Hands over a frame of a source that can be held off.
   *
   * @param frame - Valid during the call only.
   * @returns false: not taken; offer it again after resume() of the driver.
   * @throws Never.
   */
  offer(frame: Uint8Array): boolean;
  /**
   * Hands over a frame of a source that cannot be held off: it waits in the queue, or is dropped.
   *
   * @param frame - Valid during the call only.
   * @throws Never.
   */
  push(frame: Uint8Array): void;
  /**
   * Counts a frame that came but was none, or that send() took and could not pass on.
   *
   * @param way - Which way it was going: from the endpoint (`rx`) or to it (`tx`).
   * @throws Never.
   */
  drop(way: 'rx' | 'tx'): void;
  /**
   * Ends the endpoint.
   *
   * @param error - What it failed with. @default it has ended in order
   * @throws Never.
   */
  end(error?: unknown): void;
}

/**
 * What makes an endpoint of something.
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
   * @param controller - Hands over frames.
   * @throws What the constructor throws then.
   */
  start?(controller: EndpointController): void;
  /**
   * Goes on: a frame that was offered was not taken, and now there is room.
   *
   * @throws Never.
   */
  resume?(): void;
  /**
   * Ends: the endpoint is closed. Not called when the driver has ended it itself.
   *
   * @throws Never.
   */
  close?(): void | Promise<void>;
}

/** What an endpoint is given. */
export interface EndpointOptions {
  /** Ethernet frames or IP packets. @default 'tap' */
  readonly type?: 'tap' | 'tun' | undefined;
  /** Largest IP packet, bytes. @default not known: fits all */
  readonly mtu?: number | undefined;
  /** Bytes of frames that are kept while nobody takes them, from a source that cannot be held off. @default 1 MiB */
  readonly queue?: number | undefined;
}

/** Counters of an endpoint, as seen from the link: rx comes from it. */
export interface EndpointStatistics {
  /** Frames from the endpoint that somebody took. */
  readonly rxFrames: number;
  /** Their bytes. */
  readonly rxBytes: number;
  /** Frames from the endpoint dropped: nobody listened, the queue was full, or they were none. */
  readonly rxDropped: number;
  /** Frames it was given and took. */
  readonly txFrames: number;
  /** Their bytes. */
  readonly txBytes: number;
  /** Frames it was given and had to drop: not connected, or no longer open. */
  readonly txDropped: number;
  /** Frames, either way, that are longer than its MTU. */
  readonly tooLong: number;
}
