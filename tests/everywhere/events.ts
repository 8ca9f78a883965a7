// SPDX-License-Identifier: MIT
// events - what the inside of a runtime says to the outside, and how it is read

/** Begins a line that is an event; what else a program prints is not ours. */
export const MARK = '\u0002ringstack ';

/** How a test ended. */
export type TestOutcome =
  | { readonly state: 'pass' }
  | { readonly state: 'fail'; readonly error: string }
  | { readonly state: 'skip'; readonly reason: string };

/** A test began, a test ended, or the whole file did. */
export type Event =
  | { readonly start: string }
  | ({ readonly end: string } & TestOutcome)
  | { readonly done: true };

/** Outcome of one file. */
export interface FileResult {
  passed: number;
  /** Names and errors. */
  readonly failed: { name: string; error: string }[];
  /** Reasons, and how many tests each skipped. */
  readonly skipped: Map<string, number>;
}

/** Takes the lines of one file, in any pieces, and adds them up. */
export class Listener {
  readonly result: FileResult = { passed: 0, failed: [], skipped: new Map() };
  /** End of the other output. */
  readonly output: string[] = [];
  isDone = false;
  #running: string | undefined;

  /** @param line - One whole line. */
  take(line: string): void {
    const at = line.indexOf(MARK);
    if (at < 0) {
      if (line.trim()) this.output.push(line);
      if (this.output.length > 40) this.output.shift();
      return;
    }
    const event = JSON.parse(line.slice(at + MARK.length)) as Event;
    if ('start' in event) this.#running = event.start;
    else if ('done' in event) this.isDone = true;
    else this.#count(event);
  }

  #count(event: { readonly end: string } & TestOutcome): void {
    const { failed, skipped } = this.result;
    if (event.state === 'pass') this.result.passed++;
    else if (event.state === 'fail') failed.push({ name: event.end, error: event.error });
    else skipped.set(event.reason, (skipped.get(event.reason) ?? 0) + 1);
    if (event.end === this.#running) this.#running = undefined;
  }

  /**
   * The runtime is gone, or was stopped. Without a word that it was done, that is a failure of the test that
   * was running.
   *
   * @param how - How it went, for the message.
   */
  end(how: string): FileResult {
    if (this.isDone) return this.result;
    const error = [how, ...this.output].join('\n');
    this.result.failed.push({ name: this.#running ?? 'before or between tests', error });
    return this.result;
  }
}
