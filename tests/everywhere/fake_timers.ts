// SPDX-License-Identifier: MIT
// fake_timers - as much of vitest's fake timers as tests use: a clock that a test moves, in any runtime

type Name = 'setTimeout' | 'clearTimeout' | 'performance' | 'Date';

interface Timer {
  readonly due: number;
  readonly run: () => void;
}

const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
/** Called without an object: browsers mind. */
const { setTimeout: later } = real;
// Some runtimes have it in the object itself.
const realNow = performance.now;
const realDate = Date.now;
const timers = new Set<Timer>();
/** ms since the clock became ours. */
let time = 0;

const fakes = {
  setTimeout(run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): object {
    const timer = { due: time + Math.max(ms, 0), run: () => run(...args) };
    timers.add(timer);
    // The methods of Node's timers; pages do not look.
    return Object.assign(timer, { ref: () => timer, unref: () => timer, hasRef: () => true });
  },
  clearTimeout(timer: Timer): void {
    timers.delete(timer);
  },
};

/** The next timer that is due until a time; of those due at once the one that was set first. */
function nextOf(until: number): Timer | undefined {
  let next: Timer | undefined;
  for (const timer of timers) {
    if (timer.due <= until && (!next || timer.due < next.due)) next = timer;
  }
  return next;
}

/** Runs one timer, and says whether there was one. */
function runNext(until: number): boolean {
  const next = nextOf(until);
  if (!next) return false;
  timers.delete(next);
  time = Math.max(time, next.due);
  next.run();
  return true;
}

/** Lets promises settle, and the event loop go round. */
const breathe = (): Promise<void> => new Promise((resolve) => void later(resolve, 0));

/** Of vitest's `vi`. */
export const fakeTimers = {
  useFakeTimers({ toFake }: { toFake: readonly Name[] }): void {
    fakeTimers.useRealTimers();
    const began = performance.now();
    const beganAt = Date.now();
    if (toFake.includes('performance')) performance.now = () => began + time;
    if (toFake.includes('Date')) Date.now = () => beganAt + Math.floor(time);
    for (const name of ['setTimeout', 'clearTimeout'] as const) {
      if (toFake.includes(name)) Object.assign(globalThis, { [name]: fakes[name] });
    }
  },

  useRealTimers(): void {
    time = 0;
    timers.clear();
    performance.now = realNow;
    Date.now = realDate;
    Object.assign(globalThis, real);
  },

  getTimerCount(): number {
    return timers.size;
  },

  advanceTimersByTime(ms: number): void {
    const until = time + ms;
    while (runNext(until));
    time = until;
  },

  async advanceTimersByTimeAsync(ms: number): Promise<void> {
    const until = time + ms;
    do await breathe();
    while (runNext(until));
    time = until;
    await breathe();
  },

  /** Tries until it does not throw. */
  async waitFor<T>(attempt: () => T | Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await attempt();
      } catch (error) {
        if (tries === 400) throw error;
      }
      await new Promise((resolve) => void later(resolve, 50));
    }
  },
};
