// SPDX-License-Identifier: MIT
// fault - ringstack/fault: a bad link, reproducible by its seed

import { checkOptions, checkValue, oneOf, type Rules, range, whole } from '../../util/check.ts';
import { Random } from '../../util/random.ts';
import { object } from '../options.ts';
import type { LinkEndpoint } from '../types.ts';
import { wrapEndpoint } from '../wrap.ts';
import {
  type FaultDirection,
  FaultLane,
  type FaultSettings,
  type FaultStatistics,
} from './fault_lane.ts';

export type { FaultSettings, FaultStatistics } from './fault_lane.ts';

/** Options of createFault(): a seed, and settings for both directions or for one. */
export interface FaultOptions extends FaultSettings {
  /** Same seed, same frames, same decisions: a whole number, of which 32 bits count. @default random */
  readonly seed?: number;
  /** Settings for frames from the wrapped endpoint, where they differ. */
  readonly incoming?: FaultSettings;
  /** Settings for frames to the wrapped endpoint, where they differ. */
  readonly outgoing?: FaultSettings;
}

/**
 * A bad link.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createFault } from 'ringstack/fault';
 *
 * const fault = createFault({ seed: 7, drop: 1 });
 * const loop = fault.wrap(new TransformStream());
 * const writer = loop.writable.getWriter();
 * await writer.write(Uint8Array.of(1));
 * fault.set({ drop: 0 });
 * void writer.write(Uint8Array.of(2));
 * assert.deepEqual((await loop.readable.getReader().read()).value, Uint8Array.of(2));
 * assert.equal(fault.statistics.outgoing.dropped, 1);
 * ```
 */
export interface Fault {
  /** The seed of its decisions: give it to createFault() to repeat them. */
  readonly seed: number;
  /** Its counters at this moment, each direction. */
  readonly statistics: {
    /** Frames from the wrapped endpoint. */
    readonly incoming: FaultStatistics;
    /** Frames to it. */
    readonly outgoing: FaultStatistics;
  };
  /**
   * Puts the fault in front of an endpoint: connect the result in its place.
   *
   * @param endpoint - An interface, an adapter, two streams.
   * @returns The endpoint behind the fault.
   * @throws {NetError} EINVAL if it is no endpoint.
   */
  wrap(endpoint: LinkEndpoint): LinkEndpoint;
  /**
   * Changes settings while it runs. A frame that is already delayed keeps its time.
   *
   * @param settings - The settings that change.
   * @param direction - The direction that they are for. @default both
   * @throws {NetError} EINVAL for a setting that is unknown or out of range.
   */
  set(settings: FaultSettings, direction?: 'incoming' | 'outgoing'): void;
}

const chance = range(0, 1);

const SETTING_RULES: Rules<FaultSettings> = {
  drop: chance,
  duplicate: chance,
  corrupt: chance,
  corruptBits: whole(1, 1000),
  reorder: chance,
  delay: range(0, 2 ** 31, ' ms'),
  jitter: range(0, 2 ** 31, ' ms'),
  rate: range(0, 2 ** 31, ' bytes a second'),
  queue: whole(1, 2 ** 24, ' frames'),
};

/** Settings after a change. */
function change(settings: FaultSettings, next: FaultSettings): FaultSettings {
  checkOptions('Cannot make a fault', next, SETTING_RULES);
  return { ...settings, ...next };
}

function direction(settings: FaultSettings, seed: number): FaultDirection {
  return {
    settings,
    random: new Random(seed),
    counts: {
      received: 0,
      delivered: 0,
      dropped: 0,
      duplicated: 0,
      corrupted: 0,
      reordered: 0,
      overflowed: 0,
    },
  };
}

class RunningFault implements Fault {
  readonly seed: number;
  readonly #incoming: FaultDirection;
  readonly #outgoing: FaultDirection;

  constructor(options: FaultOptions) {
    checkValue('Cannot make a fault', 'options', options, object);
    const { seed = Math.floor(Math.random() * 2 ** 32), incoming, outgoing, ...both } = options;
    const { MIN_SAFE_INTEGER, MAX_SAFE_INTEGER } = Number;
    checkValue('Cannot make a fault', 'seed', seed, whole(MIN_SAFE_INTEGER, MAX_SAFE_INTEGER));
    this.seed = seed;
    const seeds = new Random(seed);
    const common = change({}, both);
    this.#incoming = direction(change(common, incoming ?? {}), seeds.u32());
    this.#outgoing = direction(change(common, outgoing ?? {}), seeds.u32());
  }

  get statistics(): Fault['statistics'] {
    return { incoming: { ...this.#incoming.counts }, outgoing: { ...this.#outgoing.counts } };
  }

  wrap(endpoint: LinkEndpoint): LinkEndpoint {
    return wrapEndpoint(endpoint, {
      incoming: (next) => new FaultLane(this.#incoming, next),
      outgoing: (next) => new FaultLane(this.#outgoing, next),
    });
  }

  set(settings: FaultSettings, only?: 'incoming' | 'outgoing'): void {
    if (only !== undefined) {
      checkValue('Cannot change a fault', 'direction', only, oneOf('incoming', 'outgoing'));
    }
    const incoming = change(this.#incoming.settings, settings);
    const outgoing = change(this.#outgoing.settings, settings);
    if (only !== 'outgoing') this.#incoming.settings = incoming;
    if (only !== 'incoming') this.#outgoing.settings = outgoing;
  }
}

/**
 * Makes a bad link: frames are lost, doubled, damaged, overtaken, delayed and limited to a rate. All decisions
 * come from the seed, so a run can be repeated.
 *
 * @param options - The seed, and probabilities, delays and limits.
 * @returns The fault; put it in front of an endpoint with wrap().
 * @throws {NetError} EINVAL for an option that is unknown or out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createFault } from 'ringstack/fault';
 * import { connect } from 'ringstack/link';
 *
 * const [a, b] = [await createStack(), await createStack()];
 * const tapA = await a.createTapInterface({ ip: '10.0.0.1/24' });
 * const tapB = await b.createTapInterface({ ip: '10.0.0.2/24' });
 * const fault = createFault({ seed: 1, drop: 0.05, duplicate: 0.05, delay: 1, jitter: 2 });
 * connect(tapA, fault.wrap(tapB));
 *
 * const listener = await b.listenTcp({ port: 7 });
 * const client = await a.connectTcp({ host: '10.0.0.2', port: 7 });
 * const server = await listener.accept();
 * const writing = client.writable.getWriter();
 * const sending = writing.write(new Uint8Array(100_000)).then(() => writing.close());
 * let length = 0;
 * for await (const chunk of server) length += chunk.length;
 * await sending;
 * assert.equal(length, 100_000);
 * assert.ok(fault.statistics.outgoing.dropped > 0);
 * await a.close();
 * await b.close();
 * ```
 */
export function createFault(options: FaultOptions = {}): Fault {
  return new RunningFault(options);
}
