// SPDX-License-Identifier: MIT
// lab - the two hosts and the cable between them, wherever they run
//
// On an isolated page, A and B are workers over one arena that the page makes. If memory cannot be shared
// between threads, one worker is both. Calls that make or close stacks run one after the other: each waits
// for the one before.

import { createArena } from 'ringstack';
import type {
  Calls,
  Direction,
  Echoed,
  EndInfo,
  StackSettings,
  Told,
  WireSettings,
} from './messages.ts';
import { WorkerClient } from './worker_client.ts';

type HostClient = WorkerClient<Calls, Told>;

/** Starts a worker of workers/host.ts. */
function startHost(name: string, onTold: (told: Told) => void): HostClient {
  const worker = new Worker(new URL('./host.js', import.meta.url), { type: 'module', name });
  return new WorkerClient<Calls, Told>(worker, onTold, (what) =>
    onTold({ told: 'failed', what: `${name}: ${what}` }),
  );
}

/** The ends of a cable that is plugged. */
export interface Ends {
  readonly A: EndInfo;
  readonly B: EndInfo;
}

/** Two stacks and a cable. */
export class Lab {
  readonly #a: HostClient;
  readonly #b: HostClient;

  private constructor(a: HostClient, b: HostClient) {
    this.#a = a;
    this.#b = b;
  }

  /** Starts the workers; build() makes the stacks. */
  static async start(isIsolated: boolean, onTold: (told: Told) => void): Promise<Lab> {
    if (!isIsolated) {
      const both = startHost('Hosts A and B', onTold);
      await both.call('start');
      return new Lab(both, both);
    }
    const arena = await createArena();
    const [a, b] = [startHost('Host A', onTold), startHost('Host B', onTold)];
    await Promise.all([a.call('start', await arena.share()), b.call('start', await arena.share())]);
    return new Lab(a, b);
  }

  get #isOneWorker(): boolean {
    return this.#a === this.#b;
  }

  /** Makes the stacks and plugs the cable; earlier stacks are closed. */
  async build(stack: StackSettings, wire: WireSettings): Promise<Ends> {
    await this.#a.call('close');
    if (!this.#isOneWorker) await this.#b.call('close');
    const A = await this.#a.call('open', 'A', stack);
    const B = await this.#b.call('open', 'B', stack);
    const handle = this.#isOneWorker ? undefined : await this.#b.call('share', 'B');
    await this.#a.call('plug', wire, handle);
    return { A, B };
  }

  /** Changes the cable while it carries frames. */
  setWire(settings: WireSettings): Promise<void> {
    return this.#a.call('setWire', settings);
  }

  /** Whether packets are kept for the list. */
  setCapture(on: boolean): Promise<void> {
    return this.#a.call('setCapture', on);
  }

  /** A connects to B, and bytes are sent. */
  transfer(direction: Direction, host: string): Promise<void> {
    return this.#a.call('transfer', direction, host);
  }

  /** Bytes stop; settles when all have arrived. */
  endTransfer(): Promise<void> {
    return this.#a.call('endTransfer');
  }

  /** Sends a line to B and waits for it to come back. */
  echo(line: string, host: string): Promise<Echoed> {
    return this.#a.call('echo', line, host);
  }
}
