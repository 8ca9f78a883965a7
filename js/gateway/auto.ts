// SPDX-License-Identifier: MIT
// auto - forwarded ports that follow what a guest listens at
//
// Theory of operation
//
// Rounds of probes (js/gateway/probe.ts), at most `rate` a second, go through all ports. A port opens at its first
// SYN-ACK, and closes at a RST, after SILENT rounds without an answer, or when the guest has another address. A
// forwarded port with open flows stays until they end: the server may have closed its listener alone.

import { NetError } from '../errors.ts';
import { checkOptions, INT32_MAX, type Rules, show, text, whole } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import type { AutoForward, AutoForwardOptions, OpenPort } from './auto_types.ts';
import type { ForwardContext, PortForward } from './forward.ts';
import type { ForwardOptions } from './forward_types.ts';
import { type Probed, Prober } from './probe.ts';
import type { ProbeLan } from './types.ts';

const ACTION = 'Cannot forward what a guest listens at';
/** Rounds without an answer after which a port is closed. */
const SILENT = 3;
/** Ports of servers that people start. */
const USUAL = [
  ...[22, 80, 443, 1313, '3000-3010', 4200, 4321, '5000-5005', 5173, 5432, 6379, 7860],
  ...['8000-8010', '8080-8090', 8443, 8787, 8888, 9000, 9090],
];

const callback = (value: unknown): string | undefined =>
  typeof value === 'function' ? undefined : 'a function';

const OPTIONS: Rules<AutoForwardOptions> = {
  ports: (value) => (Array.isArray(value) && value.length > 0 ? undefined : 'a list of ports'),
  to: text,
  listen: (value) =>
    typeof (value as AutoForwardOptions['listen'])?.transport?.listen === 'function'
      ? undefined
      : 'an object whose transport listens',
  onOpen: callback,
  onClose: callback,
  rate: whole(1, 1000, ' probes a second'),
  interval: whole(100, INT32_MAX, ' ms'),
};

/** The numbers in a list of ports and ranges. */
function portsOf(list: readonly (number | string)[]): number[] {
  const ports = new Set<number>();
  for (const one of list) {
    const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(one)) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (!(first >= 1 && last >= first && last <= 65_535)) {
      const reason = "must be a port from 1 to 65535, or a range such as '8000-8090'";
      throw new NetError('EINVAL', `${ACTION} with the port ${show(one)}`, { reason });
    }
    for (let port = first; port <= last; port++) ports.add(port);
  }
  return [...ports];
}

/** The parts of a gateway that are needed here. */
export interface AutoContext extends ForwardContext {
  readonly lan: ProbeLan | undefined;
  readonly forward: (options: ForwardOptions) => Promise<PortForward>;
}

/** A port that was seen open. */
interface Entry {
  readonly open: OpenPort & { forward?: PortForward };
  silent: number;
}

/** Forwarded ports that follow a guest. */
class Follower implements AutoForward {
  readonly closed: Promise<void>;
  readonly #context: AutoContext;
  readonly #options: AutoForwardOptions;
  readonly #ports: readonly number[];
  readonly #prober: Prober;
  readonly #open = new Map<number, Entry>();
  readonly #over = new Deferred();
  readonly #running: Promise<void>;
  #host: string | undefined;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(context: AutoContext, lan: ProbeLan, options: AutoForwardOptions) {
    this.#context = context;
    this.#options = options;
    this.#ports = portsOf(options.ports ?? USUAL);
    this.#prober = new Prober(lan);
    this.closed = this.#over.promise;
    this.#running = this.#run();
  }

  *ports(): Generator<OpenPort, void> {
    for (const { open } of this.#open.values()) yield open;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return this.closed;
    this.#isClosed = true;
    this.#wake?.();
    await this.#prober.close();
    await this.#running;
    for (const port of [...this.#open.keys()]) await this.#shut(port);
    this.#over.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #pause(ms: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #run(): Promise<void> {
    const { interval = 1000, rate = 100 } = this.#options;
    while (!this.#isClosed) {
      await this.#follow();
      const answers: Promise<void>[] = [];
      for (const port of this.#host === undefined ? [] : this.#ports) {
        if (this.#isClosed) break;
        const host = this.#host as string;
        answers.push(this.#prober.probe(host, port).then((answer) => this.#note(port, answer)));
        await this.#pause(1000 / rate);
      }
      await Promise.all(answers);
      await this.#pause(interval);
    }
  }

  /** The guest may have another address now, or be gone. */
  async #follow(): Promise<void> {
    let host: string | undefined;
    try {
      host = this.#context.resolve(this.#options.to ?? '');
    } catch {
      // It has no lease yet.
    }
    if (host === this.#host) return;
    for (const port of [...this.#open.keys()]) await this.#shut(port);
    this.#host = host;
  }

  async #note(port: number, answer: Probed): Promise<void> {
    if (this.#isClosed) return;
    const entry = this.#open.get(port);
    if (answer === 'open') {
      if (entry) entry.silent = 0;
      else await this.#begin(port);
    } else if (entry) {
      entry.silent = answer === 'closed' ? SILENT : entry.silent + 1;
      const hasFlows = (entry.open.forward?.flowCount ?? 0) > 0;
      if (entry.silent >= SILENT && !hasFlows) await this.#shut(port);
    }
  }

  async #begin(port: number): Promise<void> {
    const host = this.#host as string;
    const guest = this.#context.core.guest(host, port);
    let open: Entry['open'] = { guest };
    const { listen } = this.#options;
    if (listen) {
      const at = (number: number): ForwardOptions => ({
        listen: { ...listen, port: number },
        to: { host, port },
      });
      try {
        // Another program may have the number, or it takes rights that we lack.
        const first = this.#context.forward(at(port));
        open = { guest, forward: await first.catch(() => this.#context.forward(at(0))) };
      } catch (error) {
        open = { guest, error };
      }
    }
    this.#open.set(port, { open, silent: 0 });
    this.#options.onOpen?.(open);
  }

  async #shut(port: number): Promise<void> {
    const { open } = this.#open.get(port) as Entry;
    this.#open.delete(port);
    await open.forward?.close();
    this.#options.onClose?.(open);
  }
}

/**
 * Follows a guest.
 *
 * @param context - Of the gateway.
 * @param options - Ports, and where to listen.
 * @returns The forwarded ports, none yet.
 * @throws NetError EINVAL, or ENOTSUP if the gateway does not know the LAN of its guests.
 */
export function followPorts(context: AutoContext, options: AutoForwardOptions): AutoForward {
  checkOptions(ACTION, options, OPTIONS);
  if (!context.lan) {
    const reason = 'it needs the option lan: a switch, and an address on it that is free';
    throw new NetError('ENOTSUP', ACTION, { reason });
  }
  return new Follower(context, context.lan, options);
}
