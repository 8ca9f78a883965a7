// SPDX-License-Identifier: MIT
// interface_view - `stack.interfaces`: the interfaces of a stack, read-only, and methods that change them

import type { BridgeInterface, BridgeInterfaceOptions } from '../api/bridge.ts';
import type {
  LoopbackInterface,
  LoopbackInterfaceOptions,
  NetworkInterface,
  TapInterface,
  TapInterfaceOptions,
  TunInterface,
  TunInterfaceOptions,
} from '../api/interface.ts';
import type { NetworkStack, StackInterfaces } from '../api/stack.ts';
import { showAs } from '../util/inspect.ts';
import type { BaseInterface } from './interface.ts';

/** The interfaces of a stack. */
export class InterfaceView implements StackInterfaces {
  readonly #stack: NetworkStack;
  readonly #all: ReadonlySet<BaseInterface>;

  constructor(stack: NetworkStack, all: ReadonlySet<BaseInterface>) {
    this.#stack = stack;
    this.#all = all;
  }

  get size(): number {
    return this.#all.size;
  }

  createLoopback(options?: LoopbackInterfaceOptions): Promise<LoopbackInterface> {
    return this.#stack.createLoopbackInterface(options);
  }

  createTun(options?: TunInterfaceOptions): Promise<TunInterface> {
    return this.#stack.createTunInterface(options);
  }

  createTap(options?: TapInterfaceOptions): Promise<TapInterface> {
    return this.#stack.createTapInterface(options);
  }

  createBridge(options?: BridgeInterfaceOptions): Promise<BridgeInterface> {
    return this.#stack.createBridgeInterface(options);
  }

  remove(iface: NetworkInterface): Promise<void> {
    return this.#stack.removeInterface(iface);
  }

  [Symbol.iterator](): IterableIterator<
    LoopbackInterface | TunInterface | TapInterface | BridgeInterface
  > {
    return (this.#all as ReadonlySet<unknown> as ReadonlySet<TapInterface>).values();
  }

  toJSON(): object[] {
    return [...this.#all];
  }
}
showAs(InterfaceView, 'StackInterfaces');
