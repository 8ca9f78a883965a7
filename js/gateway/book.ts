// SPDX-License-Identifier: MIT
// book - the flows of a gateway: bounds in all and for each source, counters, events, and those that are idle

import { Feed } from '../util/feed.ts';
import type { FlowEnd, FlowEvent, FlowSnapshot, GatewayStatistics } from './types.ts';

/** ms between two looks at idle flows. */
const SWEEP = 5000;

/** A flow that is in the book. */
export class Flow {
  readonly id: number;
  readonly protocol: 'tcp' | 'udp';
  readonly direction: 'out' | 'in';
  readonly source: FlowEnd;
  destination: FlowEnd;
  state: 'connecting' | 'open' = 'connecting';
  bytesOut = 0;
  bytesIn = 0;
  last: number;
  readonly began: number;
  /** Ends it, for a reason. */
  end: (reason: unknown) => void = () => {};

  constructor(
    id: number,
    protocol: 'tcp' | 'udp',
    direction: 'out' | 'in',
    source: FlowEnd,
    destination: FlowEnd,
    now: number,
  ) {
    this.id = id;
    this.protocol = protocol;
    this.direction = direction;
    this.source = source;
    this.destination = destination;
    this.began = now;
    this.last = now;
  }
}

/** Most flows, and after which time an idle one ends. */
export interface Bounds {
  readonly most: number;
  readonly perSource: number;
  readonly idle: number;
}

/** The flows of a gateway. */
export class Book {
  readonly statistics: GatewayStatistics = {
    tcpFlows: 0,
    udpMappings: 0,
    tcpOpened: 0,
    udpOpened: 0,
    denied: 0,
    limited: 0,
    failed: 0,
    echoes: 0,
    queries: 0,
    filtered: 0,
    synDropped: 0,
    bytesOut: 0,
    bytesIn: 0,
  };
  readonly feed = new Feed<FlowEvent>();
  readonly #flows = new Set<Flow>();
  readonly #bounds: Readonly<Record<'tcp' | 'udp', Bounds>>;
  readonly #used = new Map<string, number>();
  #ids = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(bounds: Readonly<Record<'tcp' | 'udp', Bounds>>) {
    this.#bounds = bounds;
  }

  /** Flows, the oldest first. */
  get flows(): Iterable<Flow> {
    return this.#flows;
  }

  /** Takes a flow in; undefined: it is one too many. */
  open(
    protocol: 'tcp' | 'udp',
    direction: 'out' | 'in',
    source: FlowEnd,
    destination: FlowEnd,
  ): Flow | undefined {
    const { most, perSource } = this.#bounds[protocol];
    const key = `${protocol} ${source.address}`;
    const used = this.#used.get(key) ?? 0;
    const all = protocol === 'tcp' ? 'tcpFlows' : 'udpMappings';
    if (used >= perSource || this.statistics[all] >= most) {
      this.statistics.limited++;
      this.feed.push({ kind: 'limit', protocol, source, destination });
      return undefined;
    }
    this.#used.set(key, used + 1);
    this.statistics[all]++;
    const flow = new Flow(++this.#ids, protocol, direction, source, destination, performance.now());
    this.#flows.add(flow);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP);
    return flow;
  }

  /** Its far side is there. */
  opened(flow: Flow): void {
    flow.state = 'open';
    flow.last = performance.now();
    this.statistics[flow.protocol === 'tcp' ? 'tcpOpened' : 'udpOpened']++;
    const { protocol, source, destination } = flow;
    this.feed.push({ kind: 'open', protocol, source, destination });
  }

  /** Counts bytes from the source, or to it. */
  count(flow: Flow, way: 'bytesOut' | 'bytesIn', bytes: number): void {
    flow[way] += bytes;
    this.statistics[way] += bytes;
    flow.last = performance.now();
  }

  /** Takes a flow out. */
  close(flow: Flow, error?: unknown): void {
    if (!this.#flows.delete(flow)) return;
    const { protocol, source, destination, bytesOut, bytesIn } = flow;
    const key = `${protocol} ${source.address}`;
    const used = (this.#used.get(key) as number) - 1;
    if (used > 0) this.#used.set(key, used);
    else this.#used.delete(key);
    this.statistics[protocol === 'tcp' ? 'tcpFlows' : 'udpMappings']--;
    if (this.#flows.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    if (flow.state === 'connecting') return;
    const failed = error === undefined ? {} : { error };
    this.feed.push({ kind: 'close', protocol, source, destination, bytesOut, bytesIn, ...failed });
  }

  #sweep(): void {
    const now = performance.now();
    for (const flow of this.#flows) {
      if (now - flow.last >= this.#bounds[flow.protocol].idle) flow.end(undefined);
    }
  }

  /** Flows as they are now. */
  *snapshots(): Generator<FlowSnapshot, void> {
    const now = performance.now();
    for (const flow of this.#flows) {
      const { id, protocol, direction, source, destination, state, bytesOut, bytesIn } = flow;
      const age = now - flow.began;
      const idle = now - flow.last;
      yield { id, protocol, direction, source, destination, state, bytesOut, bytesIn, age, idle };
    }
  }

  /** Ends all flows. */
  end(reason: unknown): void {
    for (const flow of [...this.#flows]) flow.end(reason);
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.feed.end();
  }
}
