// SPDX-License-Identifier: MIT
// browser_view - a browser in the page: an address line, a document that came through the stack
//
// The document is shown in a frame without scripts and without the network: a policy in front of it forbids
// loads of its own. We follow its links, through the stack.

import { byteCount } from '../units.ts';
import { byId } from '../view/dom.ts';
import type { Document } from './messages.ts';

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
const LOOK = 'margin:1.5em;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.5 monospace';

const quote = (text: string): string =>
  text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

/** A document as the source of a frame. */
export function frameSource({ url, type, body }: Document): string {
  const [kind = ''] = type.toLowerCase().split(';');
  const charset = /charset="?([\w-]+)/i.exec(type)?.[1] ?? 'utf-8';
  const before = `<!doctype html><meta http-equiv="Content-Security-Policy" content="${POLICY}"><base href="${quote(url)}">`;
  const text = (): string => {
    try {
      return new TextDecoder(charset).decode(body);
    } catch {
      return new TextDecoder().decode(body);
    }
  };
  if (kind === 'text/html') return before + text();
  const note =
    /^text\/|json$|xml$/.test(kind) || body.length === 0
      ? text()
      : `${byteCount(body.length)} of ${kind || 'no type'}`;
  return `${before}<pre style="${LOOK}">${quote(note)}</pre>`;
}

/** The browser. */
export class BrowserView {
  readonly #form = byId<HTMLFormElement>('browser-form');
  readonly #address = byId<HTMLInputElement>('browser-address');
  readonly #note = byId('browser-note');
  readonly #frame = byId<HTMLIFrameElement>('browser-frame');
  readonly #get: (url: string) => Promise<Document>;
  /** Number of the last document asked for: only the last one is shown. */
  #last = 0;

  /** @param get - Gets a document. */
  constructor(get: (url: string) => Promise<Document>) {
    this.#get = get;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.open(this.#address.value).catch(() => {});
    });
    for (const button of Array.from(document.querySelectorAll<HTMLElement>('[data-open]'))) {
      button.addEventListener('click', () => {
        void this.open(button.dataset['open'] ?? '').catch(() => {});
      });
    }
    this.#frame.addEventListener('load', () => {
      this.#frame.contentDocument?.addEventListener('click', (event) => this.#onClick(event));
    });
  }

  /**
   * Opens an address and shows the document, or the reason of the failure.
   *
   * @param address - A URL; without a scheme it is http:.
   * @throws If it could not be fetched; the failure is shown before.
   */
  async open(address: string): Promise<void> {
    const text = address.trim();
    const url = /^[a-z]+:/i.test(text) && !/^[\w.]+:\d/.test(text) ? text : `http://${text}`;
    const number = ++this.#last;
    this.#say('Connecting…');
    try {
      const document = await this.#get(url);
      if (number === this.#last) this.#show(document);
    } catch (error) {
      if (number === this.#last) {
        this.#address.value = url;
        this.#say(error instanceof Error ? error.message : String(error), true);
      }
      throw error;
    }
  }

  #say(text: string, isBad = false): void {
    this.#note.textContent = text;
    this.#note.classList.toggle('bad', isBad);
  }

  #show(document: Document): void {
    const { url, status, reason, body, ms } = document;
    this.#address.value = url;
    this.#say(
      `${status} ${reason}, ${byteCount(body.length)} in ${ms.toFixed(1)} ms`,
      status >= 400,
    );
    this.#frame.srcdoc = frameSource(document);
  }

  #onClick(event: MouseEvent): void {
    const link = (event.target as Element | null)?.closest?.('a[href]');
    if (!link) return;
    event.preventDefault();
    const url = (link as HTMLAnchorElement).href;
    if (url) void this.open(url).catch(() => {});
  }
}
