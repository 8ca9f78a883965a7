// SPDX-License-Identifier: MIT
// console - the guest's terminal on the page: shows its screen, sends the input
//
// The guests' consoles are made of one template. Input goes through an invisible text area, so that on-screen keyboards, input methods and pasting work as
// usual. Tab belongs to the shell; Escape and then Tab leaves the console.

import { find, make } from '../view/dom.ts';
import { HISTORY, type Run, Screen } from './screen.ts';

/** The text that keys without a character send. */
const KEYS: Readonly<Record<string, string>> = {
  Enter: '\r',
  Backspace: '\x7f',
  Tab: '\t',
  Escape: '\x1b',
  ArrowUp: '\x1b[A',
  ArrowDown: '\x1b[B',
  ArrowRight: '\x1b[C',
  ArrowLeft: '\x1b[D',
  Home: '\x1b[H',
  End: '\x1b[F',
  Insert: '\x1b[2~',
  Delete: '\x1b[3~',
  PageUp: '\x1b[5~',
  PageDown: '\x1b[6~',
};

/** The text that a key sends; undefined: the browser handles the key. */
function bytesOf(event: KeyboardEvent): string | undefined {
  if (event.altKey || event.metaKey || event.isComposing) return undefined;
  if (!event.ctrlKey) return KEYS[event.key];
  if (event.shiftKey) return undefined;
  const isCopying = event.key === 'c' && !getSelection()?.isCollapsed;
  if (isCopying || event.key === 'v' || !/^[a-z[\]\\]$/.test(event.key)) return undefined;
  return String.fromCharCode(event.key.toUpperCase().charCodeAt(0) & 31);
}

/** Puts runs of text into a line, with the cursor at a column. */
function fillLine(element: HTMLElement, runs: readonly Run[], cursor = -1): void {
  element.replaceChildren();
  let at = 0;
  const put = (text: string, style: Run['style'] | undefined, isCursor: boolean): void => {
    if (!text) return;
    const names = isCursor ? ['cursor'] : [];
    if (style?.bold) names.push('bold');
    if (style?.reverse) names.push('reverse');
    if (style && style.fore >= 0) names.push(`fore-${style.fore}`);
    if (style && style.back >= 0) names.push(`back-${style.back}`);
    element.append(names.length ? make('span', names.join(' '), text) : text);
  };
  for (const { text, style } of runs) {
    const inside = cursor - at;
    if (inside >= 0 && inside < text.length) {
      put(text.slice(0, inside), style, false);
      put(text.slice(inside, inside + 1), style, true);
      put(text.slice(inside + 1), style, false);
    } else put(text, style, false);
    at += text.length;
  }
  if (cursor >= at) {
    put(' '.repeat(cursor - at), undefined, false);
    put(' ', undefined, true);
  }
  if (!element.firstChild) element.append('\n');
}

/** The console in an element. */
export class Console {
  readonly #frame: HTMLElement;
  readonly #history: HTMLElement;
  readonly #rows: HTMLElement;
  readonly #input: HTMLTextAreaElement;
  readonly #send: (text: string) => void;
  #screen: Screen;
  #shown = 0;
  #isDue = false;
  /** Escape was the last key. */
  #isLeaving = false;

  /**
   * @param root - Has the template's elements.
   * @param send - Called with the input.
   */
  constructor(root: HTMLElement, send: (text: string) => void) {
    this.#frame = find(root, '.terminal');
    this.#history = find(root, '.history');
    this.#rows = find(root, '.rows');
    this.#input = find<HTMLTextAreaElement>(root, '.input');
    this.#send = send;
    this.#screen = new Screen(send);
    this.#frame.addEventListener('click', () => {
      if (getSelection()?.isCollapsed) this.#input.focus({ preventScroll: true });
    });
    this.#input.addEventListener('keydown', (event) => this.#onKey(event));
    const take = (): void => {
      const { value } = this.#input;
      this.#input.value = '';
      if (value) this.#type(value.replaceAll('\n', '\r'));
    };
    this.#input.addEventListener('input', (event) => {
      if (!(event as InputEvent).isComposing) take();
    });
    this.#input.addEventListener('compositionend', take);
    for (const button of Array.from(root.querySelectorAll<HTMLElement>('[data-key]'))) {
      button.addEventListener('click', () => {
        const key = button.dataset['key'] ?? '';
        this.#type(KEYS[key] ?? String.fromCharCode(key.charCodeAt(0) & 31));
        this.#input.focus({ preventScroll: true });
      });
    }
    this.#draw();
  }

  /** Clears the console for another machine. */
  clear(): void {
    this.#screen = new Screen(this.#send);
    this.#history.replaceChildren();
    this.#shown = 0;
    this.#drawSoon();
  }

  /** Shows output of the guest, with all its escape sequences. */
  write(text: string): void {
    this.#screen.write(text);
    this.#drawSoon();
  }

  /** Moves the keyboard focus here. */
  focus(): void {
    this.#input.focus({ preventScroll: true });
  }

  #type(text: string): void {
    this.#send(text);
    this.#toEnd();
  }

  #onKey(event: KeyboardEvent): void {
    const isTab = event.key === 'Tab';
    if (isTab && (event.shiftKey || this.#isLeaving)) return;
    this.#isLeaving = event.key === 'Escape';
    const bytes = bytesOf(event);
    if (bytes === undefined) return;
    event.preventDefault();
    this.#type(bytes);
  }

  #toEnd(): void {
    this.#frame.scrollTop = this.#frame.scrollHeight;
  }

  #drawSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#draw();
    });
  }

  #draw(): void {
    const { scrollTop, clientHeight, scrollHeight } = this.#frame;
    const isAtEnd = scrollTop + clientHeight >= scrollHeight - 8;
    const screen = this.#screen;
    for (const runs of screen.history(this.#shown)) {
      const line = make('div');
      fillLine(line, runs);
      this.#history.append(line);
    }
    this.#shown = screen.passed;
    while (this.#history.childElementCount > HISTORY) this.#history.firstElementChild?.remove();
    const { row, column } = screen.cursor;
    const rows = screen.rows;
    // Rows below the last one in use take no room: a boot begins at the top.
    const used =
      Math.max(
        row,
        rows.findLastIndex((runs) => runs.length > 0),
      ) + 1;
    while (this.#rows.childElementCount > used) this.#rows.lastElementChild?.remove();
    while (this.#rows.childElementCount < used) this.#rows.append(make('div'));
    for (const [y, element] of Array.from(this.#rows.children).entries()) {
      const cursor = y === row && screen.isCursorShown ? column : -1;
      fillLine(element as HTMLElement, rows[y] ?? [], cursor);
    }
    if (isAtEnd) this.#toEnd();
  }
}
