// SPDX-License-Identifier: MIT
// network_map - the map of the network: guests, page, what is outside, and the rates on the cables between them

import { bitRate } from '../units.ts';
import { byId, find } from '../view/dom.ts';
import type { Counters, EndName, GuestName, Status } from './messages.ts';

type Cable = EndName | 'outside';
const CABLES: readonly Cable[] = ['alpha', 'beta', 'page', 'outside'];

/** A rate of 1 kbit/s is a thin line, one of 1 Gbit/s a full one. */
function loadOf(rate: number): number {
  return Math.max(0, Math.min(1, (Math.log10(Math.max(1, rate)) - 3) / 6));
}

/** Rates on a cable, bit/s. */
export interface CableRates {
  readonly to: number;
  readonly from: number;
}

/** The map. */
export class NetworkMap {
  #before: Status | undefined;

  /** Shows addresses and rates; returns the rates, undefined until there are two reports. */
  show(status: Status): Readonly<Record<Cable, CableRates>> | undefined {
    for (const name of ['alpha', 'beta'] as const) {
      const lease = status.leases.find((one) => one.name === name);
      this.#put(`node-${name}`, '.address', lease?.address ?? 'no address yet');
    }
    const before = this.#before;
    this.#before = status;
    if (!before) return undefined;
    const seconds = (status.time - before.time) / 1000;
    const rate = (now: Counters, then: Counters): CableRates => ({
      to: Math.max(0, ((now.toGuest - then.toGuest) * 8) / seconds),
      from: Math.max(0, ((now.fromGuest - then.fromGuest) * 8) / seconds),
    });
    const rates = Object.fromEntries(
      CABLES.map((name) => [name, rate(status.counters[name], before.counters[name])]),
    ) as Record<Cable, CableRates>;
    for (const name of CABLES) this.#showRates(name, rates[name]);
    return rates;
  }

  /** Shows the state of a guest. */
  setState(name: GuestName, state: string): void {
    this.#put(`node-${name}`, '.state', state);
  }

  /** Shows the network's own address and MAC. */
  setPage(address: string, mac: string): void {
    this.#put('node-page', '.address', address);
    byId('node-page').title = mac;
  }

  /** Shows the way out. */
  setOutside(text: string, isOpen: boolean): void {
    this.#put('node-outside', '.state', text);
    byId('node-outside').classList.toggle('open', isOpen);
    byId('wire-outside').classList.toggle('open', isOpen);
  }

  /** Begins anew, for another network. */
  clear(): void {
    this.#before = undefined;
    for (const name of ['alpha', 'beta']) this.#put(`node-${name}`, '.address', 'no address yet');
    for (const name of CABLES) this.#showRates(name, { to: 0, from: 0 });
  }

  #showRates(name: Cable, { to, from }: CableRates): void {
    const id = `wire-${name}`;
    if (name !== 'page') {
      this.#put(id, '.to', bitRate(to));
      this.#put(id, '.from', bitRate(from));
      byId(id).style.setProperty('--load', loadOf(to + from).toFixed(2));
      byId(id).classList.toggle('busy', to + from > 0);
    } else this.#put('node-page', '.rate', bitRate(to + from));
  }

  #put(id: string, selector: string, text: string): void {
    const element = find(byId(id), selector);
    if (element.textContent !== text) element.textContent = text;
  }
}
