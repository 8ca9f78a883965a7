// SPDX-License-Identifier: MIT
// speed - transfers over the network, one button each, and how fast they were
//
// The page measures what it sends and gets. From guest to guest, the flow that the network sees is the measure.

import { bitRate, byteCount } from '../units.ts';
import { byId, make } from '../view/dom.ts';
import type { Flow, GuestName, GuestRequest, Moved } from './messages.ts';

/** The page and its guests, as far as transfers need them. */
export interface SpeedHost {
  /** Types a line into the console of a guest. */
  type(name: GuestName, line: string): void;
  /** Gets a document through the stack. */
  measure(url: string): Promise<Moved>;
}

/** A transfer: its button, and the line beside it. */
interface Row {
  readonly button: HTMLButtonElement;
  readonly output: HTMLElement;
}

/** The transfers. */
export class Speed {
  readonly #host: SpeedHost;
  readonly #rows: Readonly<Record<'down' | 'up' | 'across', Row>>;
  /** Such as 20MB. */
  #size = '20MB';
  /** Counts networks: a result of an earlier one is not shown. */
  #round = 0;
  /** The newest flow before a transfer from guest to guest was asked for; undefined: none is. */
  #across: number | undefined;
  #newest = 0;

  constructor(host: SpeedHost) {
    this.#host = host;
    this.#rows = { down: this.#row('down'), up: this.#row('up'), across: this.#row('across') };
    this.#rows.down.button.addEventListener('click', () => {
      this.#begin('down');
      this.#type('alpha', 'page');
    });
    this.#rows.up.button.addEventListener('click', () => void this.#fetch());
    this.#rows.across.button.addEventListener('click', () => {
      this.#begin('across');
      this.#across = this.#newest;
      this.#type('beta', 'alpha');
    });
  }

  /** Begins anew, for another network and files of another size. */
  reset(size: string): void {
    this.#round++;
    this.#size = size;
    this.#across = undefined;
    this.#newest = 0;
    for (const { button, output } of Object.values(this.#rows)) {
      button.disabled = true;
      output.textContent = '';
      output.removeAttribute('data-done');
    }
    for (const part of Array.from(document.querySelectorAll('.size'))) {
      part.textContent = size.replace('MB', ' MB');
    }
  }

  /** Lets transfers begin. */
  enable(): void {
    for (const { button } of Object.values(this.#rows)) button.disabled = false;
  }

  /** Follows a request to the page's server. */
  onRequest({ guest, path, sent, ms, isDone, error }: GuestRequest): void {
    if (guest !== 'alpha' || path !== `/${this.#size}` || error !== undefined) return;
    this.#show('down', { bytes: sent, ms }, isDone);
  }

  /** Follows what the page gets. */
  onMoved(moved: Moved): void {
    this.#show('up', moved, false);
  }

  /** Follows the flows, the newest first. */
  onFlows(flows: readonly Flow[]): void {
    const [newest] = flows;
    const after = this.#across;
    const flow = flows.findLast((one) => {
      const isOurs =
        one.source === 'beta' && one.destination === 'alpha' && one.protocol === 'HTTP';
      return after !== undefined && one.id > after && isOurs;
    });
    if (newest) this.#newest = newest.id;
    if (!flow || flow.bytesIn === 0) return;
    const isDone = flow.state === 'closed';
    this.#show('across', { bytes: flow.bytesIn, ms: Math.max(1, flow.age - flow.idle) }, isDone);
    if (isDone) this.#across = undefined;
  }

  #row(name: string): Row {
    return { button: byId<HTMLButtonElement>(`move-${name}`), output: byId(`rate-${name}`) };
  }

  #begin(name: 'down' | 'up' | 'across'): void {
    const { output } = this.#rows[name];
    output.removeAttribute('data-done');
    output.replaceChildren(make('span', 'quiet', 'starting'));
  }

  /** Lets a guest get the file; Control U deletes a line that was being typed. */
  #type(guest: GuestName, from: string): void {
    this.#host.type(guest, `\x15wget -O /dev/null http://${from}/${this.#size}\r`);
  }

  async #fetch(): Promise<void> {
    const round = this.#round;
    const { button, output } = this.#rows.up;
    button.disabled = true;
    this.#begin('up');
    try {
      const moved = await this.#host.measure(`http://alpha/${this.#size}`);
      if (round === this.#round) this.#show('up', moved, true);
    } catch (error) {
      if (round === this.#round) output.textContent = (error as Error).message;
    }
    // By now the button may be that of a network that is still starting.
    if (round === this.#round) button.disabled = false;
  }

  #show(name: 'down' | 'up' | 'across', { bytes, ms }: Moved, isDone: boolean): void {
    const { output } = this.#rows[name];
    const rate = bitRate((bytes * 8000) / ms);
    output.textContent = isDone ? rate : `${byteCount(bytes)}, ${rate}`;
    output.toggleAttribute('data-done', isDone);
  }
}
