// SPDX-License-Identifier: MIT
// readings - counters of the two ends as rates in the charts and totals in the tiles

import type { EndCounters, WireCounters } from '../messages.ts';
import type { EndName } from '../packets/seen.ts';
import { bitRate, byteCount, count, packetRate } from '../units.ts';
import { Chart } from './chart.ts';
import { byId } from './dom.ts';

const NOTHING: EndCounters = {
  time: 0,
  received: 0,
  txPackets: 0,
  txBytes: 0,
  drops: 0,
  retransmits: 0,
};

/** Charts and tiles. */
export class Readings {
  readonly #throughput = new Chart('throughput', {
    series: ['A to B', 'B to A'],
    show: bitRate,
    floor: 1e6,
  });
  readonly #packets = new Chart('packet-rate', {
    series: ['from A', 'from B'],
    show: packetRate,
    floor: 100,
  });
  #ends: Record<EndName, EndCounters | undefined> = { A: undefined, B: undefined };

  /** Starts anew: new stacks count from zero. */
  reset(): void {
    this.#ends = { A: undefined, B: undefined };
    this.#total();
    this.wire({ lost: 0, unseen: 0 });
  }

  /** Takes counters of an end. */
  end(name: EndName, counters: EndCounters): void {
    const before = this.#ends[name];
    this.#ends[name] = counters;
    this.#total();
    if (!before) return;
    const seconds = (counters.time - before.time) / 1000;
    // A receives from B, and sends from A.
    const bits = (counters.received - before.received) * 8;
    this.#throughput.push(name === 'B' ? 0 : 1, bits / seconds);
    const packets = counters.txPackets - before.txPackets;
    this.#packets.push(name === 'A' ? 0 : 1, packets / seconds);
  }

  /** Takes counters of the cable. */
  wire({ lost }: WireCounters): void {
    this.#put('lost', lost, count(lost));
  }

  #total(): void {
    const { A = NOTHING, B = NOTHING } = this.#ends;
    const received = A.received + B.received;
    this.#put('received', received, byteCount(received));
    this.#put('retransmits', A.retransmits + B.retransmits, count(A.retransmits + B.retransmits));
    this.#put('drops', A.drops + B.drops, count(A.drops + B.drops));
  }

  #put(id: string, value: number, text: string): void {
    const element = byId<HTMLDataElement>(id);
    element.value = `${value}`;
    if (element.textContent !== text) element.textContent = text;
  }
}
