// SPDX-License-Identifier: MIT
// setter - gives an interface the address, gateway and routes of a lease, and takes them back

import type { ClientLease, ClientStack, ConfigurableInterface } from './client_types.ts';

/** A route that was added. */
interface Route {
  remove?(): unknown;
  close?(): unknown;
}

const cidrOf = ({ ip, prefix }: ClientLease): string => `${ip}/${prefix}`;

const isDefault = ({ destination }: { destination: string }): boolean =>
  destination === '0.0.0.0/0';

/** Sets up one interface. */
export class Setter {
  readonly #iface: ConfigurableInterface;
  readonly #stack: ClientStack;
  readonly #routes: Route[] = [];

  constructor(iface: ConfigurableInterface, stack: ClientStack) {
    this.#iface = iface;
    this.#stack = stack;
  }

  /** Replaces what one lease says by what another one says; undefined: none. */
  async set(old: ClientLease | undefined, lease: ClientLease | undefined): Promise<void> {
    const iface = this.#iface;
    const isSame = old && lease && cidrOf(old) === cidrOf(lease);
    for (const route of this.#routes.splice(0)) await (route.remove ?? route.close)?.call(route);
    if (old && !isSame) await iface.removeAddress?.(cidrOf(old));
    if (lease && !isSame) await iface.addAddress?.(cidrOf(lease));
    const routes = lease?.routes ?? [];
    // With routes, the option of routers does not count (RFC 3442).
    const via = routes.length > 0 ? routes.find(isDefault)?.via : lease?.routers[0];
    if (lease || old) await iface.setGateway?.(via ?? null);
    for (const route of routes.filter((one) => !isDefault(one))) {
      const made = await this.#stack.routes?.add({ ...route, interface: iface as never });
      if (made) this.#routes.push(made as Route);
    }
  }
}
