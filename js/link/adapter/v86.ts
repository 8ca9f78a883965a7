// SPDX-License-Identifier: MIT
// v86 - ringstack/v86: the network cards of the emulator v86 as endpoints, and a stack joined to one
//
// Theory of operation
//
// v86 passes a frame from the guest by the event `net0-send`, in the middle of an instruction of the guest and
// as a view of the card's memory: we pass it on within the callback, or copy it into the endpoint's queue. The
// guest cannot be paused. A frame for the guest is the event `net0-receive`. Here we can wait:
// js/link/adapter/v86_nic.ts tells when the card has no room. Then frames wait in the stack's ring, where TCP
// accounts for them, and are not lost in a burst.
//
// No event tells when there is room again. The guest makes room by running, in this thread and for about a
// millisecond at a time. So we poll after each turn of the event loop:
//
//   free                     frames are passed on
//   full, guest runs         polled after every turn of the event loop; after EAGER ms by a timer
//   full, for PATIENCE       the guest's driver has stopped (the guest reboots): frames are dropped and
//                            counted, as on an unplugged cable, until there is room
//   full, emulator stopped   not polled; we wait for the event `emulator-started`
//   off                      frames are dropped and counted
//
// The card is looked up at every wait, so we see one that appears later, and a state that is restored. A card
// whose fields are unknown gets BUDGET frames for each turn of the event loop.

import type { TapInterface, TapInterfaceOptions } from '../../api/interface.ts';
import type { NetworkStack } from '../../api/stack.ts';
import { NetError } from '../../errors.ts';
import { afterEventLoop } from '../../sched/scheduler.ts';
import { checkOptions, checkValue, whole } from '../../util/check.ts';
import { connect } from '../connect.ts';
import { FrameEndpoint } from '../endpoint.ts';
import type { EndpointController, EndpointDriver } from '../endpoint_types.ts';
import { callback, signal as isSignal, object, queueBytes } from '../options.ts';
import type { LinkEndpoint } from '../types.ts';
import { findNic, type Nic, type Room, type V86Inside } from './v86_nic.ts';

/** The largest MTU of an interface. */
const MTU_MAX = 65_520;
/** Frames for a card whose fields are unknown: half of the frames that an ne2k has room for. */
const BUDGET = 4;
/** ms for which a full card is polled after every turn of the event loop. */
const EAGER = 20;
/** ms between two polls after that. */
const INTERVAL = 10;
/** ms after which a card that stays full counts as unused. */
const PATIENCE = 1000;

/**
 * The part of an emulator that is used: an instance of v86's class `V86`.
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
   * Adds a listener of an event.
   *
   * @param event - Its name.
   * @param listener - The function.
   * @throws Never.
   */
  add_listener(event: never, listener: never): void;
  /**
   * Removes a listener.
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
  /** Bytes of frames from the guest that wait to be taken. @default 1 MiB */
  readonly queue?: number;
}

/** Options of connectV86(): those of the tap interface, and those of the card. */
export interface V86ConnectOptions extends TapInterfaceOptions {
  /** Number of the card: 0 is that of v86's option `net_device`. @default 0 */
  readonly nic?: number;
  /** Ends the wait for an emulator that is still loading. */
  readonly signal?: AbortSignal;
  /**
   * Puts a capture, a fault or another wrapper in front of the card.
   *
   * @param card - The card.
   * @returns The endpoint that the interface is joined to.
   */
  readonly wrap?: (card: LinkEndpoint) => LinkEndpoint;
}

/** The emulator with members that its declarations do not show. */
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

  /** Takes one frame of the budget of a card whose fields are unknown. */
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

/** A rule for the number of a card. */
const isNic = whole(0, 255);

/** Refuses a value that is no emulator. */
function checkEmulator(action: string, emulator: V86Emulator | undefined): void {
  checkValue(action, 'emulator.add_listener', emulator?.add_listener, callback);
}

/** The MTU to use with a card; undefined: neither the card nor the program gives one. */
function chooseMtu(
  emulator: Emulator,
  number: number,
  wanted: number | undefined,
): number | undefined {
  const own = findNic(emulator, number)?.mtu;
  if (wanted === undefined) return own && Math.min(own, MTU_MAX);
  if (wanted > (own ?? MTU_MAX)) {
    throw new NetError('EMSGSIZE', `Cannot use network card ${number} of v86 with MTU ${wanted}`, {
      reason: `must be at most ${own ?? MTU_MAX} bytes`,
    });
  }
  return wanted;
}

/**
 * Makes an endpoint of a network card of v86: two streams of Ethernet frames to pipe to and from a tap
 * interface, or to connect() with one, which is faster. No frame is lost on the way to the guest: a writer
 * that is faster than the card waits.
 *
 * The emulator may still be loading; its card is then off until it has loaded. Closing the endpoint removes
 * its listeners from the emulator, which goes on running.
 *
 * @param emulator - An instance of v86's class `V86`.
 * @param options - Number and MTU of the card, bytes that may wait.
 * @returns The endpoint.
 * @throws {NetError} EINVAL for an option that is unknown or out of range, or an emulator that is none;
 *   EMSGSIZE for an MTU above the card's.
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
  const action = 'Cannot use a network card of v86';
  checkOptions(action, options, {
    nic: isNic,
    mtu: whole(68, 65_535, ' bytes'),
    queue: queueBytes(),
  });
  checkEmulator(action, emulator);
  const inside = emulator as unknown as Emulator;
  const { nic = 0, queue } = options;
  const mtu = chooseMtu(inside, nic, options.mtu);
  return new FrameEndpoint(new V86Driver(inside, nic), { type: 'tap', mtu, queue });
}

/**
 * Makes a tap interface and joins it to a network card of v86. Waits for an emulator that is still loading. To
 * unplug the card, remove the interface (`stack.removeInterface()`) or close the stack: listeners are then
 * removed from the emulator, which goes on running.
 *
 * An emulator in a worker is joined there: `share()` the tap, post it, and in the worker
 * `connect(await attach(handle), createV86NetworkStream(emulator))` with `connect` of `ringstack/link`.
 *
 * @param stack - The stack that gets the interface.
 * @param emulator - An instance of v86's class `V86`.
 * @param options - Those of the interface, and the number of the card.
 * @returns The interface, with the MTU of the card.
 * @throws {NetError} Errors of createTapInterface() and createV86NetworkStream(); or the signal's reason.
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
 * await stack.removeInterface(tap); // unplugs the card
 * await stack.close();
 * ```
 */
export async function connectV86(
  stack: NetworkStack,
  emulator: V86Emulator,
  options: V86ConnectOptions = {},
): Promise<TapInterface> {
  const action = 'Cannot connect to v86';
  checkEmulator(action, emulator);
  checkValue(action, 'options', options, object);
  const { nic = 0, signal, wrap, ...tapOptions } = options;
  checkOptions(action, { nic, signal, wrap }, { nic: isNic, signal: isSignal, wrap: callback });
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
