// SPDX-License-Identifier: MIT
// request_log - the requests the guests have made to the page's web server, the newest first

import { bitRate, byteCount } from '../units.ts';
import { byId, make } from '../view/dom.ts';
import type { GuestRequest } from './messages.ts';

/** Requests that stay. */
const KEPT = 50;

/** The progress of a request, in words. */
function describe({ status, sent, total, ms, isDone, error }: GuestRequest): string {
  if (error !== undefined) return `${status ?? ''} ${error}`.trim();
  if (status === undefined) return 'reading';
  const part = isDone ? byteCount(sent) : `${byteCount(sent)} of ${byteCount(total)}`;
  const rate = sent >= 1e6 && ms > 0 ? `, ${bitRate((sent * 8000) / ms)}` : '';
  return `${status}, ${part} in ${ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`}${rate}`;
}

/** The list. */
export class RequestLog {
  readonly #list = byId('requests');
  readonly #empty = byId('requests-empty');
  readonly #rows = new Map<number, HTMLElement>();

  /** Shows a request, or its progress. */
  show(request: GuestRequest): void {
    let row = this.#rows.get(request.id);
    if (!row) {
      row = make('li');
      this.#rows.set(request.id, row);
      this.#list.prepend(row);
      if (this.#rows.size > KEPT) {
        const [oldest = 0] = this.#rows.keys();
        this.#rows.get(oldest)?.remove();
        this.#rows.delete(oldest);
      }
    }
    this.#empty.hidden = true;
    const line = `${request.method} ${request.path}`;
    row.classList.toggle('bad', request.error !== undefined || (request.status ?? 0) >= 400);
    row.replaceChildren(
      make('span', 'line', line),
      make('span', 'agent', `${request.guest}, ${request.agent}`),
      make('span', 'outcome', describe(request)),
    );
    if (request.body) row.append(make('span', 'body', request.body));
  }

  /** Clears the list for another network. */
  clear(): void {
    this.#rows.clear();
    this.#list.replaceChildren();
    this.#empty.hidden = false;
  }
}
