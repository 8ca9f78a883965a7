// SPDX-License-Identifier: MIT
// setter - gives an interface the address, gateway, routes and MTU of a lease, and takes them back

import type { NetError } from '../errors.ts';
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
  /** MTU of the interface before a lease set another one. */
  #mtu: number | undefined;

  constructor(iface: ConfigurableInterface, stack: ClientStack) {
    this.#iface = iface;
    this.#stack = stack;
  }

  /** Replaces what one lease says by what another one says; undefined: none. */
  async set(old: ClientLease | undefined, lease: ClientLease | undefined): Promise<void> {
    const iface = this.#iface;
    const isSame = old && lease && cidrOf(old) === cidrOf(lease);
    await this.#resize(lease?.mtu);
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

  /** Sets an MTU, or the one from before; one that the interface cannot have is ignored. */
  async #resize(told: number | undefined): Promise<void> {
    const iface = this.#iface;
    const mtu = told ?? this.#mtu;
    if (mtu === undefined || mtu === iface.mtu || !iface.setMtu) return;
    const before = this.#mtu ?? iface.mtu;
    try {
      await iface.setMtu(mtu);
      this.#mtu = told === undefined ? undefined : before;
    } catch (error) {
      if ((error as Partial<NetError>).code !== 'EINVAL') throw error;
    }
  }
}
