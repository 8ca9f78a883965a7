// SPDX-License-Identifier: MIT
// tables - leases, DNS queries and flows, as tables that keep their rows in place while they change

import { byteCount } from '../units.ts';
import { byId, find, make } from '../view/dom.ts';
import type { Flow, Lease, Query } from './messages.ts';

/** Queries that stay. */
const KEPT = 60;

/** A duration in words. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

const clock = (time: number): string => new Date(time).toTimeString().slice(0, 8);

/** The body of a table: rows of cells by a key. */
class Rows {
  readonly #body: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #rows = new Map<string, HTMLTableRowElement>();

  /** @param id - Of an element with a table and a line for when there is nothing. */
  constructor(id: string) {
    this.#body = find(byId(id), 'tbody');
    this.#empty = find(byId(id), '.empty');
    // It scrolls, by keyboard too.
    byId(id).tabIndex = 0;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Sets a row; a new one comes first. */
  set(key: string, cells: readonly string[], isBad = false): void {
    let row = this.#rows.get(key);
    if (!row) {
      row = make('tr');
      row.append(...cells.map((_, n) => make(n === 0 ? 'th' : 'td')));
      row.firstElementChild?.setAttribute('scope', 'row');
      this.#rows.set(key, row);
      this.#body.prepend(row);
    }
    for (const [n, cell] of Array.from(row.children).entries()) {
      if (cell.textContent !== cells[n]) cell.textContent = cells[n] ?? '';
    }
    row.classList.toggle('bad', isBad);
    this.#empty.hidden = true;
  }

  /** Removes rows: those of the oldest keys beyond a number, or all that are not wanted. */
  keep(wanted: number | ReadonlySet<string>): void {
    let over = typeof wanted === 'number' ? this.#rows.size - wanted : 0;
    for (const [key, row] of this.#rows) {
      if (typeof wanted === 'number' ? over-- <= 0 : wanted.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    this.#empty.hidden = this.#rows.size > 0;
  }
}

/** The three tables. */
export class Tables {
  readonly #leases = new Rows('leases');
  readonly #queries = new Rows('queries');
  readonly #flows = new Rows('flows');
  #queryCount = 0;

  /** Shows the leases. */
  showLeases(leases: readonly Lease[], now: number): void {
    for (const { name, address, mac, expiresAt } of leases) {
      this.#leases.set(mac, [name || mac, address, mac, duration(expiresAt - now)]);
    }
    this.#leases.keep(new Set(leases.map(({ mac }) => mac)));
  }

  /** Adds a query. */
  addQuery({ time, guest, name, type, answer, isBad }: Query): void {
    this.#queries.set(`${++this.#queryCount}`, [name, type, guest, answer, clock(time)], isBad);
    this.#queries.keep(KEPT);
  }

  /** Shows the flows, the newest first. */
  showFlows(flows: readonly Flow[]): void {
    for (const flow of [...flows].reverse()) {
      const { protocol, source, destination, state, bytesOut, bytesIn, age, idle } = flow;
      const bytes = `${byteCount(bytesOut)} / ${byteCount(bytesIn)}`;
      const words = [state, idle > 2000 ? `idle ${duration(idle)}` : `for ${duration(age)}`];
      const cells = [
        `${source} → ${destination}`,
        protocol,
        bytes,
        words.filter(Boolean).join(', '),
      ];
      this.#flows.set(`${flow.id}`, cells, flow.isBad);
    }
    this.#flows.keep(new Set(flows.map(({ id }) => `${id}`)));
  }

  /** Empties them for another network. */
  clear(): void {
    for (const rows of [this.#leases, this.#queries, this.#flows]) rows.keep(0);
  }
}
