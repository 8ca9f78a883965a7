// SPDX-License-Identifier: MIT
// fault - ringstack/fault: a bad link, from a seed

import { NetError } from '../../errors.ts';
import { Random } from '../../util/random.ts';
import { type LinkEndpoint, wrapEndpoint } from '../link.ts';
import { checkRange } from '../options.ts';
import {
  type FaultDirection,
  FaultLane,
  type FaultSettings,
  type FaultStatistics,
} from './fault_lane.ts';

export type { FaultSettings, FaultStatistics } from './fault_lane.ts';

/** Options of createFault(): a seed, and settings for both directions or for each. */
export interface FaultOptions extends FaultSettings {
  /** Same seed, same frames, same decisions; its low 32 bits count. @default random */
  readonly seed?: number;
  /** Of what comes from the wrapped endpoint, where it differs. */
  readonly incoming?: FaultSettings;
  /** Of what goes to the wrapped endpoint, where it differs. */
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
  /** Names its decisions; give it to createFault() to have them again. */
  readonly seed: number;
  /** What it has done so far, each way. */
  readonly statistics: {
    /** What comes from the wrapped endpoint. */
    readonly incoming: FaultStatistics;
    /** What goes to it. */
    readonly outgoing: FaultStatistics;
  };
  /**
   * Puts the fault in front of an endpoint: connect the result in its place.
   *
   * @param endpoint - An interface, an adapter, two streams.
   * @returns The endpoint behind the fault.
   * @throws Never.
   */
  wrap(endpoint: LinkEndpoint): LinkEndpoint;
  /**
   * Changes settings while it runs. Frames that are delayed already keep their time.
   *
   * @param settings - Those that change.
   * @param direction - Which one they are for. @default both
   * @throws {NetError} EINVAL for a setting that is out of range.
   */
  set(settings: FaultSettings, direction?: 'incoming' | 'outgoing'): void;
}

const CHANCES = ['drop', 'duplicate', 'corrupt', 'reorder'] as const;
const AMOUNTS = ['delay', 'jitter', 'rate'] as const;

/** Settings that follow from a change. */
function change(settings: FaultSettings, next: FaultSettings): FaultSettings {
  const all = { ...settings, ...next };
  for (const name of CHANCES) checkNumber(name, all[name] ?? 0, 1);
  for (const name of AMOUNTS) checkNumber(name, all[name] ?? 0, 2 ** 31);
  checkRange('corruptBits', all.corruptBits ?? 3, 1, 1000);
  checkRange('queue', all.queue ?? 1, 1, 2 ** 24);
  return all;
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
    const { seed = Math.floor(Math.random() * 2 ** 32), incoming, outgoing, ...both } = options;
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
    const incoming = change(this.#incoming.settings, settings);
    const outgoing = change(this.#outgoing.settings, settings);
    if (only !== 'outgoing') this.#incoming.settings = incoming;
    if (only !== 'incoming') this.#outgoing.settings = outgoing;
  }
}

/**
 * Makes a bad link: frames are lost, doubled, damaged, overtaken, delayed and held to a rate. All of it
 * comes from the seed, so that a run can be had again.
 *
 * @param options - The seed, and what is to happen.
 * @returns The fault; put it in front of an endpoint with wrap().
 * @throws {NetError} EINVAL for a setting that is out of range.
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

/** Refuses a setting that is no number from 0 to most. */
function checkNumber(name: string, value: number, most: number): void {
  if (value >= 0 && value <= most) return;
  throw new NetError('EINVAL', `Cannot make a fault with ${name} ${value}`, {
    reason: `it is a number from 0 to ${most}`,
  });
}
