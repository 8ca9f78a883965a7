// SPDX-License-Identifier: MIT
// tun_routes - the routes of a stack over the tun: those of the allowed IPs

import type { NetworkStack, RouteHandle, TunInterface } from 'ringstack';

/** Routes over a tun, changed one after the other. */
export class TunRoutes {
  readonly #stack: NetworkStack;
  readonly #tun: TunInterface;
  readonly #routes = new Map<string, RouteHandle>();
  #wanted: ReadonlySet<string> = new Set();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(stack: NetworkStack, tun: TunInterface) {
    this.#stack = stack;
    this.#tun = tun;
  }

  /** Makes the routes those to these destinations. */
  sync(destinations: readonly string[]): Promise<void> {
    this.#wanted = new Set(destinations);
    const next = this.#turn.then(() => this.#change());
    this.#turn = next.catch(() => {});
    return next;
  }

  async #change(): Promise<void> {
    for (const [destination, route] of this.#routes) {
      if (this.#wanted.has(destination)) continue;
      this.#routes.delete(destination);
      await route.remove();
    }
    for (const destination of this.#wanted) {
      if (this.#routes.has(destination)) continue;
      const route = await this.#stack.routes.add({ destination, interface: this.#tun });
      this.#routes.set(destination, route);
    }
  }

  /** Adds none any more, and waits for what is under way. */
  async close(): Promise<void> {
    this.#wanted = new Set();
    await this.#turn;
  }
}
