// SPDX-License-Identifier: MIT
// screen - a model of a terminal of 80 by 24: output of a guest goes in, lines of styled text come out
//
// It knows the part of a VT100 that a Linux shell, its line editor, vi, top and less of busybox use. Lines that
// leave the screen at its top stay as history. Unknown sequences are left out, and never shown as text.

/** Looks of a character: colours 0 to 15, -1 for none; and whether it is bold or in reverse. */
export interface Style {
  readonly fore: number;
  readonly back: number;
  readonly bold: boolean;
  readonly reverse: boolean;
}

/** Characters next to each other that look the same. */
export interface Run {
  readonly text: string;
  readonly style: Style;
}

const PLAIN: Style = { fore: -1, back: -1, bold: false, reverse: false };
export const COLUMNS = 80;
export const ROWS = 24;
/** Lines of history that are kept. */
export const HISTORY = 1000;

interface Cell {
  readonly char: string;
  readonly style: Style;
}

type Line = Cell[];

const BLANK: Cell = { char: ' ', style: PLAIN };
const isBlank = (cell: Cell | undefined): boolean =>
  cell !== undefined && cell.char === ' ' && cell.style.back < 0 && !cell.style.reverse;
const clamp = (value: number, most: number): number => Math.max(0, Math.min(most, value));

/** The received part of an escape sequence. */
type State = 'text' | 'escape' | 'control' | 'string' | 'charset';

/** A terminal. */
export class Screen {
  readonly #reply: (text: string) => void;
  #history: Line[] = [];
  #lines: Line[] = Array.from({ length: ROWS }, () => []);
  #main: { lines: Line[]; x: number; y: number } | undefined;
  #x = 0;
  #y = 0;
  #saved = { x: 0, y: 0 };
  #style = PLAIN;
  #state: State = 'text';
  #sequence = '';
  /** Lines that have gone out of the history. */
  #forgotten = 0;
  /** Whether the cursor is to be shown. */
  isCursorShown = true;

  /** @param reply - Called with the answers of the terminal. */
  constructor(reply: (text: string) => void) {
    this.#reply = reply;
  }

  /** Lines that are on the screen. */
  get rows(): Run[][] {
    return this.#lines.map(toRuns);
  }

  /** Lines that have left the screen at its top, those no longer kept as well. */
  get passed(): number {
    return this.#forgotten + this.#history.length;
  }

  /** The lines of the history from a number on, as far as they are kept. */
  history(from: number): Run[][] {
    return this.#history.slice(Math.max(0, from - this.#forgotten)).map(toRuns);
  }

  /** Place of the cursor on the screen. */
  get cursor(): { row: number; column: number } {
    return { row: this.#y, column: Math.min(this.#x, COLUMNS - 1) };
  }

  /** Takes output of the guest. */
  write(text: string): void {
    for (const char of text) this.#take(char);
  }

  #take(char: string): void {
    if (this.#state === 'text') {
      if (char === '\x1b') this.#state = 'escape';
      else if (char < ' ' || char === '\x7f') this.#control(char);
      else this.#put(char);
    } else if (this.#state === 'escape') this.#escape(char);
    else if (this.#state === 'charset') this.#state = 'text';
    else if (this.#state === 'string') {
      // For example a title: ends with BEL, or with an escape and a backslash.
      if (char === '\x07' || char === '\x1b') this.#state = char === '\x07' ? 'text' : 'charset';
    } else if (char >= '@' && char <= '~') {
      this.#state = 'text';
      this.#run(char, this.#sequence);
    } else if (this.#sequence.length < 64) this.#sequence += char;
  }

  #control(char: string): void {
    if (char === '\r') this.#x = 0;
    else if (char === '\n' || char === '\v' || char === '\f') this.#feed();
    else if (char === '\b') this.#x = Math.max(0, Math.min(this.#x, COLUMNS - 1) - 1);
    else if (char === '\t') this.#x = Math.min(COLUMNS - 1, (this.#x + 8) & ~7);
  }

  #put(char: string): void {
    if (this.#x >= COLUMNS) {
      this.#x = 0;
      this.#feed();
    }
    const line = this.#line(this.#y);
    while (line.length < this.#x) line.push(BLANK);
    line[this.#x++] = { char, style: this.#style };
  }

  #line(y: number): Line {
    return this.#lines[y] as Line;
  }

  /** One line down; at the bottom, everything goes up. */
  #feed(): void {
    if (this.#y < ROWS - 1) {
      this.#y++;
      return;
    }
    const first = this.#lines.shift() as Line;
    this.#lines.push([]);
    if (this.#main) return;
    this.#history.push(first);
    if (this.#history.length <= HISTORY) return;
    this.#history.shift();
    this.#forgotten++;
  }

  #escape(char: string): void {
    this.#state = 'text';
    if (char === '[') {
      this.#state = 'control';
      this.#sequence = '';
    } else if (char === ']' || char === 'P') this.#state = 'string';
    else if ('()*+#%'.includes(char)) this.#state = 'charset';
    else if (char === '7') this.#saved = { x: this.#x, y: this.#y };
    else if (char === '8') this.#moveTo(this.#saved.x, this.#saved.y);
    else if (char === 'D') this.#feed();
    else if (char === 'E') {
      this.#x = 0;
      this.#feed();
    } else if (char === 'M') {
      if (this.#y > 0) this.#y--;
      else this.#insertLines(1);
    } else if (char === 'c') this.#reset();
  }

  #reset(): void {
    this.#style = PLAIN;
    this.isCursorShown = true;
    this.#setAlternate(false);
    this.#erase(2);
    this.#moveTo(0, 0);
  }

  #moveTo(x: number, y: number): void {
    this.#x = clamp(x, COLUMNS - 1);
    this.#y = clamp(y, ROWS - 1);
  }

  #run(final: string, parameters: string): void {
    if (parameters.startsWith('?')) {
      this.#mode(final === 'h', parameters.slice(1).split(';').map(Number), final);
      return;
    }
    const numbers = parameters.split(';').map((text) => Number.parseInt(text, 10) || 0);
    const n = Math.max(1, numbers[0] ?? 1);
    const actions: Readonly<Record<string, () => void>> = {
      A: () => this.#moveTo(this.#x, this.#y - n),
      B: () => this.#moveTo(this.#x, this.#y + n),
      C: () => this.#moveTo(this.#x + n, this.#y),
      D: () => this.#moveTo(Math.min(this.#x, COLUMNS - 1) - n, this.#y),
      G: () => this.#moveTo(n - 1, this.#y),
      d: () => this.#moveTo(this.#x, n - 1),
      H: () => this.#moveTo((numbers[1] || 1) - 1, n - 1),
      f: () => this.#moveTo((numbers[1] || 1) - 1, n - 1),
      J: () => this.#erase(numbers[0] ?? 0),
      K: () => this.#eraseLine(numbers[0] ?? 0),
      L: () => this.#insertLines(n),
      M: () => this.#deleteLines(n),
      P: () => void this.#line(this.#y).splice(this.#x, n),
      '@': () => this.#insertBlanks(n),
      X: () => this.#fill(this.#y, this.#x, Math.min(COLUMNS, this.#x + n)),
      m: () => this.#setStyle(numbers),
      n: () => this.#report(numbers[0] ?? 0),
      s: () => {
        this.#saved = { x: this.#x, y: this.#y };
      },
      u: () => this.#moveTo(this.#saved.x, this.#saved.y),
    };
    actions[final]?.();
  }

  #mode(isOn: boolean, modes: readonly number[], final: string): void {
    if (final !== 'h' && final !== 'l') return;
    for (const mode of modes) {
      if (mode === 25) this.isCursorShown = isOn;
      if (mode === 47 || mode === 1047 || mode === 1049) this.#setAlternate(isOn);
    }
  }

  /** The second screen, which programs like vi draw on and then leave. */
  #setAlternate(isOn: boolean): void {
    if (isOn === (this.#main !== undefined)) return;
    if (isOn) {
      this.#main = { lines: this.#lines, x: this.#x, y: this.#y };
      this.#lines = Array.from({ length: ROWS }, () => []);
    } else if (this.#main) {
      this.#lines = this.#main.lines;
      this.#moveTo(this.#main.x, this.#main.y);
      this.#main = undefined;
    }
  }

  #report(what: number): void {
    if (what === 5) this.#reply('\x1b[0n');
    const { column } = this.cursor;
    if (what === 6) this.#reply(`\x1b[${this.#y + 1};${column + 1}R`);
  }

  #fill(y: number, from: number, to: number): void {
    const line = this.#line(y);
    if (to >= line.length) line.length = Math.min(line.length, from);
    else for (let x = from; x < to; x++) line[x] = BLANK;
  }

  #eraseLine(how: number): void {
    this.#fill(this.#y, how === 0 ? this.#x : 0, how === 1 ? this.#x + 1 : COLUMNS);
  }

  #erase(how: number): void {
    this.#eraseLine(how);
    const [from, to] = [how === 0 ? this.#y + 1 : 0, how === 1 ? this.#y : ROWS];
    for (let y = from; y < to; y++) this.#lines[y] = [];
  }

  #insertLines(n: number): void {
    const count = Math.min(n, ROWS - this.#y);
    this.#lines.splice(this.#y, 0, ...Array.from({ length: count }, () => []));
    this.#lines.length = ROWS;
  }

  #deleteLines(n: number): void {
    this.#lines.splice(this.#y, n);
    while (this.#lines.length < ROWS) this.#lines.push([]);
  }

  #insertBlanks(n: number): void {
    const line = this.#line(this.#y);
    if (this.#x >= line.length) return;
    line.splice(this.#x, 0, ...Array.from({ length: Math.min(n, COLUMNS) }, () => BLANK));
    line.length = Math.min(line.length, COLUMNS);
  }

  #setStyle(codes: readonly number[]): void {
    let style = { ...this.#style };
    for (const code of codes) {
      if (code === 0) style = { ...PLAIN };
      else if (code === 1) style.bold = true;
      else if (code === 22) style.bold = false;
      else if (code === 7) style.reverse = true;
      else if (code === 27) style.reverse = false;
      else if (code === 39) style.fore = -1;
      else if (code === 49) style.back = -1;
      else if (code >= 30 && code <= 37) style.fore = code - 30;
      else if (code >= 40 && code <= 47) style.back = code - 40;
      else if (code >= 90 && code <= 97) style.fore = code - 82;
      else if (code >= 100 && code <= 107) style.back = code - 92;
    }
    this.#style = style;
  }
}

const same = (a: Style, b: Style): boolean =>
  a.fore === b.fore && a.back === b.back && a.bold === b.bold && a.reverse === b.reverse;

/** A line as runs; blanks at its end are left out. */
function toRuns(line: Line): Run[] {
  let length = line.length;
  while (length > 0 && isBlank(line[length - 1])) length--;
  const runs: { text: string; style: Style }[] = [];
  for (const { char, style } of line.slice(0, length)) {
    const last = runs.at(-1);
    if (last && same(last.style, style)) last.text += char;
    else runs.push({ text: char, style });
  }
  return runs;
}
