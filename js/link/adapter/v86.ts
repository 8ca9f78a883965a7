// SPDX-License-Identifier: MIT
// v86 - ringstack/v86: the network cards of the emulator v86 as endpoints, and a stack joined to one
//
// Theory of operation
//
// v86 tells a frame from the guest by the event `net0-send`, in the middle of the guest's instruction and as
// a view of the card's own memory: it is passed on within the callback, or copied into the endpoint's queue.
// The guest cannot be held off. A frame for the guest is the event `net0-receive`, and here the card
// can: js/link/adapter/v86_nic.ts sees when it has no room. Then frames wait in the stack's ring, where TCP knows
// of them, instead of being lost in a burst.
//
// No event says that there is room again. The guest makes it by running, in this thread and for about a
// millisecond at a time; so who waits looks once each time the event loop has gone round:
//
//   free                  frames are handed over
//   full, guest runs      looked at after every turn of the event loop; from EAGER ms on, by a timer
//   full, for PATIENCE    the driver does not work any more (the guest is booting again): frames are dropped
//                         and counted, as by a cable, until there is room
//   full, emulator stopped   nothing looks; the event `emulator-started` does
//   off                   frames are dropped and counted
//
// The card is looked up at every wait, so that one which appears later, or a state that is restored, is
// seen. A card whose inside cannot be seen gets BUDGET frames for each turn of the event loop.

import type { TapInterface, TapInterfaceOptions } from '../../api/interface.ts';
import type { NetworkStack } from '../../api/stack.ts';
import { NetError } from '../../errors.ts';
import { afterEventLoop } from '../../sched/scheduler.ts';
import { connect } from '../connect.ts';
import { FrameEndpoint } from '../endpoint.ts';
import type { EndpointController, EndpointDriver } from '../endpoint_types.ts';
import { checkRange } from '../options.ts';
import type { LinkEndpoint } from '../types.ts';
import { findNic, type Nic, type Room, type V86Inside } from './v86_nic.ts';

/** The largest MTU of an interface. */
const MTU_MAX = 65_520;
/** Frames for a card that cannot be seen into: half of what an ne2k has room for. */
const BUDGET = 4;
/** ms for which a full card is looked at every turn of the event loop. */
const EAGER = 20;
/** ms between two looks after that. */
const INTERVAL = 10;
/** ms after which a card that stays full is taken as unused. */
const PATIENCE = 1000;

/**
 * What is used of an emulator: an instance of v86's class `V86`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createV86NetworkStream } from 'ringstack/v86';
 *
 * // The least that works: events both ways.
 * const listeners = new Map<string, (frame: Uint8Array) => void>();
 * const emulator = {
 *   bus: { send: () => {} },
 *   add_listener: (name: string, listener: () => void) => void listeners.set(name, listener),
 *   remove_listener: (name: string) => void listeners.delete(name),
 * };
 * const vmNic = createV86NetworkStream(emulator);
 * const reader = vmNic.readable.getReader();
 * listeners.get('net0-send')?.(Uint8Array.of(1, 2, 3));
 * assert.deepEqual((await reader.read()).value, Uint8Array.of(1, 2, 3));
 * await vmNic.close();
 * assert.equal(listeners.size, 0);
 * ```
 */
export interface V86Emulator {
  /**
   * Has an event call a function.
   *
   * @param event - Its name.
   * @param listener - The function.
   * @throws Never.
   */
  add_listener(event: never, listener: never): void;
  /**
   * Undoes add_listener().
   *
   * @param event - Its name.
   * @param listener - The function.
   * @throws Never.
   */
  remove_listener(event: never, listener: never): void;
}

/** Options of createV86NetworkStream(). */
export interface V86NetworkOptions {
  /** Number of the card: 0 is that of v86's option `net_device`. @default 0 */
  readonly nic?: number;
  /** Largest IP packet, bytes. @default the card's (`net_device.mtu` of virtio), at most 65520 */
  readonly mtu?: number;
  /** Bytes of frames from the guest that are kept while nobody takes them. @default 1 MiB */
  readonly queue?: number;
}

/** Options of connectV86(): those of the tap interface, and which card. */
export interface V86ConnectOptions extends TapInterfaceOptions {
  /** Number of the card: 0 is that of v86's option `net_device`. @default 0 */
  readonly nic?: number;
  /** Gives up waiting for an emulator that is still loading. */
  readonly signal?: AbortSignal;
  /**
   * Puts something in front of the card, such as a capture or a fault.
   *
   * @param card - The card.
   * @returns What the interface is joined to in its place.
   */
  readonly wrap?: (card: LinkEndpoint) => LinkEndpoint;
}

/** The emulator as it is, beside what its declarations show. */
interface Emulator extends V86Inside {
  readonly bus: { send(event: string, data: unknown): void };
  is_running?(): boolean;
  add_listener(event: string, listener: (data: Uint8Array) => void): void;
  remove_listener(event: string, listener: (data: Uint8Array) => void): void;
}

/** One card of an emulator. */
class V86Driver implements EndpointDriver {
  readonly #emulator: Emulator;
  readonly #number: number;
  readonly #stop = new AbortController();
  #controller: EndpointController | undefined;
  #nic: Nic | undefined;
  #budget = BUDGET;
  /** Bytes of the frame that had no room. */
  #wanted = 0;
  #waiting: Promise<void> | undefined;
  /** It has been full for too long. */
  #isUnused = false;

  constructor(emulator: Emulator, number: number) {
    this.#emulator = emulator;
    this.#number = number;
  }

  start(controller: EndpointController): void {
    this.#controller = controller;
    this.#emulator.add_listener(`net${this.#number}-send`, controller.push);
  }

  close(): void {
    this.#stop.abort();
    if (!this.#controller) return;
    this.#emulator.remove_listener(`net${this.#number}-send`, this.#controller.push);
  }

  send(frame: Uint8Array): boolean {
    const { length } = frame;
    const room = this.#room(length);
    if (room === 'full' && !this.#isUnused) {
      this.#wanted = length;
      return false;
    }
    if (room === 'free') {
      this.#isUnused = false;
      if (!this.#nic) this.#spend();
      this.#emulator.bus.send(`net${this.#number}-receive`, frame);
    } else this.#controller?.drop('tx');
    return true;
  }

  #room(length: number): Room {
    if (this.#stop.signal.aborted) return 'off';
    this.#nic ??= findNic(this.#emulator, this.#number);
    if (this.#nic) return this.#nic.room(length);
    return this.#budget > 0 ? 'free' : 'full';
  }

  /** Of the budget of a card whose inside is not known. */
  #spend(): void {
    if (this.#budget-- < BUDGET) return;
    afterEventLoop(() => {
      this.#budget = BUDGET;
    });
  }

  ready(): Promise<void> {
    this.#waiting ??= this.#wait().finally(() => {
      this.#waiting = undefined;
    });
    return this.#waiting;
  }

  async #wait(): Promise<void> {
    const { signal } = this.#stop;
    let since = performance.now();
    while (!this.#isUnused && this.#room(this.#wanted) === 'full') {
      const waited = performance.now() - since;
      if (this.#emulator.is_running?.() === false) {
        await nextEvent(this.#emulator, 'emulator-started', signal).catch(() => {});
        since = performance.now();
      } else if (waited < EAGER) await new Promise<void>(afterEventLoop);
      else if (waited < PATIENCE) await new Promise((done) => setTimeout(done, INTERVAL));
      else this.#isUnused = true;
    }
  }
}

/** Waits for an event of an emulator; rejects with the reason of a signal that is aborted. */
function nextEvent(emulator: Emulator, event: string, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => (): void => {
      emulator.remove_listener(event, onEvent);
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    const onEvent = end(resolve);
    const onAbort = end(() => reject(signal?.reason));
    emulator.add_listener(event, onEvent);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) onAbort();
  });
}

/** The MTU to use with a card; undefined: it does not show its own, and nobody asked for one. */
function chooseMtu(
  emulator: Emulator,
  number: number,
  wanted: number | undefined,
): number | undefined {
  const own = findNic(emulator, number)?.mtu;
  if (wanted === undefined) return own && Math.min(own, MTU_MAX);
  if (wanted > (own ?? MTU_MAX)) {
    throw new NetError('EMSGSIZE', `Cannot use network card ${number} of v86 with MTU ${wanted}`, {
      reason: `the largest it takes is ${own ?? MTU_MAX}`,
    });
  }
  return wanted;
}

/**
 * Makes an endpoint of a network card of v86: two streams of Ethernet frames to pipe to and from a tap
 * interface, or to connect() with one, which is faster. Nothing is lost on the way to the guest: who
 * writes faster than the card takes frames waits.
 *
 * An emulator that has not loaded yet will do; its card is then off until it has. Closing the endpoint
 * lets go of the emulator, which goes on.
 *
 * @param emulator - An instance of v86's class `V86`.
 * @param options - Which card, its MTU, how much to keep.
 * @returns The endpoint.
 * @throws {NetError} EINVAL for an option that is out of range, EMSGSIZE for an MTU above the card's.
 * @example
 * ```ts
 * import { createStack } from 'ringstack';
 * import { createV86NetworkStream } from 'ringstack/v86';
 * import { V86 } from 'v86';
 *
 * const stack = await createStack();
 * const tapInterface = await stack.createTapInterface({
 *   mac: '01:23:45:67:89:ab',
 *   ip: '192.168.1.1/24',
 * });
 *
 * const emulator = new V86({ wasm_path: 'node_modules/v86/build/v86.wasm', autostart: false });
 * const vmNic = createV86NetworkStream(emulator);
 *
 * // Forward frames between the tap interface and the VM's NIC
 * tapInterface.readable.pipeTo(vmNic.writable);
 * vmNic.readable.pipeTo(tapInterface.writable);
 *
 * await vmNic.close();
 * await stack.close();
 * ```
 */
export function createV86NetworkStream(
  emulator: V86Emulator,
  options: V86NetworkOptions = {},
): FrameEndpoint {
  const inside = emulator as unknown as Emulator;
  const { nic = 0, queue } = options;
  checkRange('nic', nic, 0, 255);
  const mtu = chooseMtu(inside, nic, options.mtu);
  return new FrameEndpoint(new V86Driver(inside, nic), { type: 'tap', mtu, queue });
}

/**
 * Gives a stack a tap interface on a cable with a network card of v86. Waits for an emulator that is still
 * loading. To take it off again, remove the interface (`stack.removeInterface()`), or close the
 * stack: the emulator is then let go of, and goes on.
 *
 * An emulator in a worker is joined there: `share()` the tap, post it, and in the worker
 * `connect(await attach(handle), createV86NetworkStream(emulator))` with `connect` of `ringstack/link`.
 *
 * @param stack - The stack that gets the interface.
 * @param emulator - An instance of v86's class `V86`.
 * @param options - Address and so on of the interface; which card.
 * @returns The interface, with the MTU of the card.
 * @throws {NetError} What createTapInterface() and createV86NetworkStream() throw; the signal's reason.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { connectV86 } from 'ringstack/v86';
 * import { V86 } from 'v86';
 *
 * const emulator = new V86({
 *   wasm_path: 'node_modules/v86/build/v86.wasm',
 *   net_device: { type: 'virtio', mtu: 9000 },
 *   autostart: false,
 * });
 * const stack = await createStack();
 * const tap = await connectV86(stack, emulator, { ip: '192.168.1.1/24' });
 * assert.equal(tap.mtu, 9000);
 * await stack.removeInterface(tap); // the emulator is let go of
 * await stack.close();
 * ```
 */
export async function connectV86(
  stack: NetworkStack,
  emulator: V86Emulator,
  options: V86ConnectOptions = {},
): Promise<TapInterface> {
  const { nic = 0, signal, wrap, ...tapOptions } = options;
  signal?.throwIfAborted();
  const inside = emulator as unknown as Emulator;
  if (!inside.v86?.cpu?.devices) await nextEvent(inside, 'emulator-ready', signal);
  const mtu = chooseMtu(inside, nic, options.mtu);
  const tap = await stack.createTapInterface({ ...tapOptions, ...(mtu && { mtu }) });
  const card = createV86NetworkStream(emulator, { nic, mtu: tap.mtu });
  const free = (): Promise<void> => card.close();
  connect(tap, wrap ? wrap(card) : card).closed.then(free, free);
  return tap;
}
