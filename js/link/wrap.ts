// SPDX-License-Identifier: MIT
// wrap - an endpoint in front of another, with a filter for each direction
//
// Theory of operation
//
// A wrapper has no state of its own. When it is plugged in, it plugs in the inner endpoint, with a lane for each
// direction between that and the receiver. Its streams are made when they are first asked for: by an
// endpoint whose driver is the plug. The inner endpoint is locked only while the wrapper is used.

import { checkOptions } from '../util/check.ts';
import { FrameEndpoint } from './endpoint.ts';
import { callback } from './options.ts';
import { plugEndpoint } from './plugs.ts';
import { checkEndpoint } from './shape.ts';
import type { FramePlug, FrameSink, LinkEndpoint } from './types.ts';

/**
 * One direction of a wrapper: takes frames and passes them on, or not.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import type { FrameLane, FrameSink } from 'ringstack/link';
 *
 * // Lets only frames of even length through.
 * const evenOnly = (next: FrameSink): FrameLane => ({
 *   send: (frame) => frame.length % 2 !== 0 || next.send(frame),
 *   ready: () => next.ready(),
 * });
 * const lane = evenOnly({ send: () => false, ready: async () => {} });
 * assert.deepEqual([1, 2].map((n) => lane.send(new Uint8Array(n))), [true, false]);
 * ```
 */
export interface FrameLane extends FrameSink {
  /**
   * Ends. Frames that it still holds are not passed on.
   *
   * @throws Never.
   */
  stop?(): void;
}

/**
 * The lanes of a wrapper.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { type EndpointLanes, wrapEndpoint } from 'ringstack/link';
 *
 * let seen = 0;
 * const lanes: EndpointLanes = {
 *   incoming: (next) => ({
 *     send(frame) {
 *       seen += frame.length;
 *       return next.send(frame);
 *     },
 *     ready: () => next.ready(),
 *   }),
 * };
 * const loop = wrapEndpoint(new TransformStream(), lanes);
 * void loop.writable.getWriter().write(Uint8Array.of(1, 2, 3));
 * await loop.readable.getReader().read();
 * assert.equal(seen, 3);
 * ```
 */
export interface EndpointLanes {
  /**
   * Makes the lane for frames from the endpoint.
   *
   * @param next - Takes the frames that the lane passes on.
   * @returns The lane.
   * @throws Never.
   */
  incoming?(next: FrameSink): FrameLane;
  /**
   * Makes the lane for frames to the endpoint.
   *
   * @param next - Takes the frames that the lane passes on.
   * @returns The lane.
   * @throws Never.
   */
  outgoing?(next: FrameSink): FrameLane;
}

class WrappedEndpoint implements LinkEndpoint {
  readonly #inner: LinkEndpoint;
  readonly #lanes: EndpointLanes;
  #streams: FrameEndpoint | undefined;

  constructor(inner: LinkEndpoint, lanes: EndpointLanes) {
    this.#inner = inner;
    this.#lanes = lanes;
  }

  get type(): 'tap' | 'tun' | undefined {
    return this.#inner.type;
  }

  get mtu(): number | undefined {
    return this.#inner.mtu;
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#ownStreams().readable;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#ownStreams().writable;
  }

  plug(receiver: FrameSink): FramePlug {
    return this.#streams ? this.#streams.plug(receiver) : this.#plug(receiver);
  }

  #plug(receiver: FrameSink): FramePlug {
    const incoming = this.#lanes.incoming?.(receiver) ?? receiver;
    const plug = plugEndpoint(this.#inner, incoming);
    const outgoing = this.#lanes.outgoing?.(plug.sink) ?? plug.sink;
    return {
      sink: outgoing,
      closed: plug.closed,
      get dropped() {
        return plug.dropped ?? 0;
      },
      get bytesCopied() {
        return plug.bytesCopied ?? 0;
      },
      unplug() {
        (incoming as FrameLane).stop?.();
        (outgoing as FrameLane).stop?.();
        plug.unplug();
      },
    };
  }

  /** An endpoint over the plug of this one, for its streams. */
  #ownStreams(): FrameEndpoint {
    if (this.#streams) return this.#streams;
    let plug: FramePlug;
    let resume = (): void => {};
    this.#streams = new FrameEndpoint(
      {
        start: (controller) => {
          plug = this.#plug({
            send: (frame) => controller.offer(frame),
            ready: () =>
              new Promise((resolve) => {
                resume = resolve;
              }),
          });
          plug.closed.then(
            () => controller.end(),
            (error) => controller.end(error),
          );
        },
        send: (frame) => plug.sink.send(frame),
        ready: () => plug.sink.ready(),
        resume: () => resume(),
        close: () => plug.unplug(),
      },
      { type: this.type, mtu: this.mtu },
    );
    return this.#streams;
  }
}

/**
 * Puts a filter, a counter or a delay in front of an endpoint.
 *
 * @param endpoint - Any endpoint; locked while the wrapper is used.
 * @param lanes - The lane of each direction. @default frames pass as they are
 * @returns An endpoint to connect in its place.
 * @throws {NetError} EINVAL if it is no endpoint, or a lane is no function.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { connect, wrapEndpoint } from 'ringstack/link';
 *
 * const [a, b] = [await createStack(), await createStack()];
 * const tunA = await a.createTunInterface({ ip: '10.0.0.1/24' });
 * const tunB = await b.createTunInterface({ ip: '10.0.0.2/24' });
 * // A firewall in front of b: no packet for port 23.
 * const isTelnet = (packet: Uint8Array) => packet[9] === 6 && packet[22] === 0 && packet[23] === 23;
 * const guarded = wrapEndpoint(tunB, {
 *   outgoing: (next) => ({
 *     send: (packet) => isTelnet(packet) || next.send(packet),
 *     ready: () => next.ready(),
 *   }),
 * });
 * connect(tunA, guarded);
 * await assert.rejects(a.connectTcp({ host: '10.0.0.2', port: 22 }), { code: 'ECONNREFUSED' });
 * const telnet = a.connectTcp({ host: '10.0.0.2', port: 23, timeout: 50 });
 * await assert.rejects(telnet, { code: 'ETIMEDOUT' });
 * await a.close();
 * await b.close();
 * ```
 */
export function wrapEndpoint(endpoint: LinkEndpoint, lanes: EndpointLanes): LinkEndpoint {
  const action = 'Cannot wrap an endpoint';
  checkEndpoint(action, 'it', endpoint);
  checkOptions(action, lanes, { incoming: callback, outgoing: callback });
  return new WrappedEndpoint(endpoint, lanes);
}
