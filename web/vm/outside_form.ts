// SPDX-License-Identifier: MIT
// outside_form - the box of the way out: through what guests may leave, which hosts they may reach, what was refused
//
// A change holds at once, if the network takes it; else the reason is shown and nothing has changed.

import { byId, make } from '../view/dom.ts';
import type { OutsideSettings, Refusal, WayKind } from './messages.ts';

/** Refusals that are shown. */
const KEPT = 20;

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** The box. */
export class OutsideForm {
  readonly #kind = byId<HTMLSelectElement>('way-kind');
  readonly #url = byId<HTMLInputElement>('way-url');
  readonly #host = byId<HTMLInputElement>('allow-host');
  readonly #list = byId('allowed');
  readonly #refusals = byId('refusals');
  readonly #apply: (settings: OutsideSettings) => Promise<void>;
  readonly #rows = new Map<string, { row: HTMLElement; count: number }>();
  #settings: OutsideSettings = { kind: 'none', url: '', allowed: [] };

  /** @param apply - Changes the network; rejects with the reason if it does not. */
  constructor(apply: (settings: OutsideSettings) => Promise<void>) {
    this.#apply = apply;
    byId('way-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#setWay();
    });
    this.#kind.addEventListener('change', () => {
      this.#showUrl();
      if (this.#kind.value === 'wisp') this.#url.focus();
      else void this.#setWay();
    });
    byId('allow-form').addEventListener('submit', async (event) => {
      event.preventDefault();
      if (await this.#allow(this.#host.value.trim())) this.#host.value = '';
    });
    this.#showUrl();
    this.#draw();
  }

  /** The settings that hold, for another network. */
  get settings(): OutsideSettings {
    return this.#settings;
  }

  /** Shows something that was refused; one that was before is moved to the top. */
  addRefusal({ guest, host, reason, canAllow }: Refusal): void {
    const key = `${guest} ${host} ${reason}`;
    const count = (this.#rows.get(key)?.count ?? 0) + 1;
    this.#rows.get(key)?.row.remove();
    this.#rows.delete(key);
    const row = make('li');
    const words = make('span', 'words');
    words.append(make('b', '', host), ` ${reason}, ${guest}${count > 1 ? `, ${count} times` : ''}`);
    row.append(words);
    if (canAllow) {
      const button = make('button', 'small', 'Allow');
      button.type = 'button';
      button.setAttribute('aria-label', `Allow ${host}`);
      button.addEventListener('click', () => void this.#allowRefused(host));
      row.append(button);
    }
    this.#rows.set(key, { row, count });
    this.#refusals.prepend(row);
    if (this.#rows.size > KEPT) {
      const [[oldest, { row }] = ['', { row: undefined }]] = this.#rows;
      row?.remove();
      this.#rows.delete(oldest);
    }
    byId('refusals-empty').hidden = true;
  }

  /** Removes the refusals, for another network. */
  clear(): void {
    this.#rows.clear();
    this.#refusals.replaceChildren();
    byId('refusals-empty').hidden = false;
  }

  #showUrl(): void {
    const isWisp = this.#kind.value === 'wisp';
    for (const id of ['way-url-line', 'way-use']) byId(id).hidden = !isWisp;
    this.#url.required = isWisp;
    byId('way-fetch').hidden = this.#kind.value !== 'fetch';
  }

  async #setWay(): Promise<void> {
    const kind = this.#kind.value as WayKind;
    const url = kind === 'wisp' ? this.#url.value.trim() : '';
    const through = `Allowed hosts are reached through ${url || 'fetch()'}.`;
    const words = kind === 'none' ? 'Nothing leaves.' : through;
    await this.#set({ ...this.#settings, kind, url }, 'way-note', words);
  }

  /** Allows a host; returns whether it is now. */
  async #allow(host: string): Promise<boolean> {
    if (host === '' || this.#settings.allowed.includes(host)) return host !== '';
    const allowed = [...this.#settings.allowed, host];
    return this.#set({ ...this.#settings, allowed }, 'allow-note', `${host} is allowed.`);
  }

  async #allowRefused(host: string): Promise<void> {
    if (!(await this.#allow(host))) return;
    for (const [key, { row }] of this.#rows) {
      if (!key.includes(` ${host} `)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    byId('refusals-empty').hidden = this.#rows.size > 0;
    // The button that had the focus is gone.
    this.#host.focus();
  }

  async #remove(host: string): Promise<void> {
    const allowed = this.#settings.allowed.filter((one) => one !== host);
    await this.#set({ ...this.#settings, allowed }, 'allow-note', `${host} is no longer allowed.`);
    this.#host.focus();
  }

  /** Changes the settings; says so, or why not. */
  async #set(settings: OutsideSettings, note: string, words: string): Promise<boolean> {
    const line = byId(note);
    try {
      await this.#apply(settings);
      this.#settings = settings;
      line.textContent = words;
      line.classList.remove('bad');
      this.#draw();
      return true;
    } catch (error) {
      line.textContent = messageOf(error);
      line.classList.add('bad');
      return false;
    }
  }

  #draw(): void {
    const { allowed } = this.#settings;
    byId('allowed-empty').hidden = allowed.length > 0;
    this.#list.replaceChildren(
      ...allowed.map((host) => {
        const row = make('li');
        const button = make('button', 'small', 'Remove');
        button.type = 'button';
        button.setAttribute('aria-label', `Remove ${host}`);
        button.addEventListener('click', () => void this.#remove(host));
        row.append(make('span', 'words', host), button);
        return row;
      }),
    );
  }
}
