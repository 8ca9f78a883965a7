// SPDX-License-Identifier: MIT
// packet_list - the packets that were seen, a line each; one can be opened, all can be saved
//
// A listbox with one place in the tab order: arrow keys, Home, End and Page keys choose a packet, which
// opens it; Enter moves to its details, Escape comes back. Opening a packet pauses the list, until the user
// resumes it. The newest KEPT packets stay.

import { writePcapng } from 'ringstack/pcap';
import type { Decoded } from '../packets/decode.ts';
import { decode } from '../packets/decode.ts';
import type { EndName, SeenFrame } from '../packets/seen.ts';
import { SNAP } from '../packets/seen.ts';
import { byId, make } from './dom.ts';
import { showNoPacket, showPacket } from './packet_detail.ts';

/** Most packets in the list. */
const KEPT = 400;
const PAGE = 10;

/** The ends that packets come from, by the names they are saved and shown under. */
export interface PacketEnds<E extends string> {
  readonly names: Readonly<Record<E, string>>;
  /** Name of the end that a frame goes to. */
  to(frame: SeenFrame<E>): string;
}

interface Row<E extends string> {
  readonly number: number;
  readonly frame: SeenFrame<E>;
  readonly decoded: Decoded;
  readonly element: HTMLElement;
}

/** Saves bytes as a file. */
function download(name: string, bytes: Uint8Array<ArrayBuffer>): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/x-pcapng' }));
  const link = make('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/** The list and its buttons. */
export class PacketList<E extends string = EndName> {
  readonly #list = byId('packets');
  readonly #pause = byId<HTMLButtonElement>('pause');
  readonly #note = byId('packets-note');
  readonly #onPause: (isPaused: boolean) => void;
  readonly #ends: PacketEnds<E>;
  #rows: Row<E>[] = [];
  #active: Row<E> | undefined;
  #last = 0;
  #start: number | undefined;
  #isPaused = false;

  /**
   * @param ends - Their names.
   * @param onPause - Called when the list stops or goes on taking packets.
   */
  constructor(ends: PacketEnds<E>, onPause: (isPaused: boolean) => void) {
    this.#ends = ends;
    this.#onPause = onPause;
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
    this.#list.addEventListener('click', (event) => {
      const element = (event.target as Element).closest('[role=option]');
      this.#open(this.#rows.find((row) => row.element === element));
    });
    byId('detail').addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.#list.focus();
    });
    this.#pause.addEventListener('click', () => this.#setPaused(!this.#isPaused));
    byId('clear').addEventListener('click', () => this.clear());
    byId('download').addEventListener('click', () => this.#save());
    showNoPacket();
  }

  /** Adds packets; while the list is paused they are ignored. */
  add(frames: readonly SeenFrame<E>[]): void {
    if (this.#isPaused || frames.length === 0) return;
    const list = this.#list;
    const isAtEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 4;
    const rows = frames.map((frame) => this.#makeRow(frame));
    this.#rows.push(...rows);
    list.append(...rows.map(({ element }) => element));
    for (const { element } of this.#rows.splice(0, Math.max(0, this.#rows.length - KEPT))) {
      element.remove();
    }
    if (isAtEnd) list.scrollTop = list.scrollHeight;
    this.#update();
  }

  /** Moves to the newest packets, when the list was hidden and is no longer. */
  shown(): void {
    if (!this.#isPaused) this.#list.scrollTop = this.#list.scrollHeight;
  }

  /** Shows beside the list which packets are not in it. */
  note(text: string): void {
    if (this.#note.textContent !== text) this.#note.textContent = text;
  }

  /** Removes all packets. */
  clear(): void {
    this.#rows = [];
    this.#list.replaceChildren();
    this.#open(undefined);
    this.#update();
  }

  #update(): void {
    byId('packet-count').textContent = `${this.#rows.length}`;
    byId<HTMLButtonElement>('download').disabled = this.#rows.length === 0;
  }

  #makeRow(frame: SeenFrame<E>): Row<E> {
    const decoded = decode(frame.bytes);
    this.#start ??= frame.time;
    const number = ++this.#last;
    const element = make('div', `packet from-${frame.from.toLowerCase()}`);
    element.id = `packet-${number}`;
    element.setAttribute('role', 'option');
    element.setAttribute('aria-selected', 'false');
    if (frame.isLost) element.classList.add('lost');
    const cells: readonly [string, string][] = [
      ['number', `${number}`],
      ['time', ((frame.time - this.#start) / 1000).toFixed(6)],
      ['way', `${this.#ends.names[frame.from]} → ${this.#ends.to(frame)}`],
      ['protocol', decoded.protocol],
      ['length', `${frame.length}`],
      ['info', frame.isLost ? `lost: ${decoded.info}` : decoded.info],
    ];
    element.append(...cells.map(([name, text]) => make('span', name, text)));
    return { number, frame, decoded, element };
  }

  #setPaused(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    this.#pause.textContent = isPaused ? 'Resume' : 'Pause';
    if (!isPaused) {
      this.#open(undefined);
      this.#list.scrollTop = this.#list.scrollHeight;
    }
    this.#onPause(isPaused);
  }

  #open(row: Row<E> | undefined): void {
    this.#active?.element.setAttribute('aria-selected', 'false');
    this.#active = row;
    if (!row) {
      this.#list.removeAttribute('aria-activedescendant');
      showNoPacket();
      return;
    }
    this.#setPaused(true);
    row.element.setAttribute('aria-selected', 'true');
    row.element.scrollIntoView({ block: 'nearest' });
    this.#list.setAttribute('aria-activedescendant', row.element.id);
    const { frame, number, decoded } = row;
    const way = `${this.#ends.names[frame.from]} to ${this.#ends.to(frame)}`;
    showPacket(`Packet ${number}, ${way}`, frame, decoded);
  }

  #onKey(event: KeyboardEvent): void {
    const at = this.#active ? this.#rows.indexOf(this.#active) : -1;
    const last = this.#rows.length - 1;
    const targets: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at < 0 ? last : at - 1,
      PageDown: at + PAGE,
      PageUp: at - PAGE,
      Home: 0,
      End: last,
    };
    if (event.key === 'Enter' && this.#active) {
      event.preventDefault();
      byId('detail').focus();
      return;
    }
    const target = targets[event.key];
    if (target === undefined || last < 0) return;
    event.preventDefault();
    this.#open(this.#rows[Math.min(last, Math.max(0, target))]);
  }

  #save(): void {
    const names = Object.keys(this.#ends.names) as E[];
    const frames = this.#rows.map(({ frame }) => ({
      bytes: frame.bytes,
      length: frame.length,
      time: frame.time,
      interface: names.indexOf(frame.from),
      ...(frame.isLost ? { comment: 'lost on the cable' } : {}),
    }));
    const interfaces = names.map((name) => this.#ends.names[name]);
    download('ringstack.pcapng', writePcapng(interfaces, frames, { snapLength: SNAP }));
  }
}
