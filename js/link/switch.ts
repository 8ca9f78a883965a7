// SPDX-License-Identifier: MIT
// switch - a learning switch over endpoints, without a stack
//
// Theory of operation
//
// Frames come in by the direct form of each endpoint (js/link/plugs.ts) and go out by that of others, in the same
// call, without a copy unless a port is full. A received frame passes these steps; each that drops it counts it
// at its port:
//
//   blocked port, malformed frame, reserved address    dropped
//   probe of the loop guard                            js/link/switch_loop.ts
//   what guests may not send, at a guarded port         dropped (js/link/switch_guard.ts)
//   source address                                     learned (js/link/switch_table.ts)
//   known destination                                  sent to its port
//   group or unknown destination                       storm limit, then sent to all other ports
//
// The sender is never held up: a frame is taken whatever becomes of it. An endpoint may answer within the call
// that sends to it. This answer, and every frame in a loop of endpoints without queues, comes in while a frame
// is being passed on: it is copied and waits for the event loop, so that no call nests in another.

import { NetError } from '../errors.ts';
import { afterEventLoop } from '../sched/scheduler.ts';
import { formatMac, parseMac } from '../util/address.ts';
import { checkOptions, flag, type Rules, text, whole } from '../util/check.ts';
import { Queue } from '../util/queue.ts';
import { copyOf } from './frame_copy.ts';
import { callback, queueBytes, rule } from './options.ts';
import { plugEndpoint } from './plugs.ts';
import { checkEndpoint } from './shape.ts';
import { isRefused } from './switch_guard.ts';
import { LoopGuard } from './switch_loop.ts';
import { Port } from './switch_port.ts';
import { ForwardingTable, macAt } from './switch_table.ts';
import type {
  Switch,
  SwitchEntry,
  SwitchOptions,
  SwitchPort,
  SwitchPortOptions,
} from './switch_types.ts';
import type { LinkEndpoint } from './types.ts';

/** The addresses that bridges do not forward: 01-80-C2-00-00-00 and 15 more (IEEE 802.1D, 7.12.6). */
const RESERVED = 0x0180c2000000;
/** Frames that come in during calls and wait for the event loop, at the most. */
const NESTED = 256;

const stormRule = whole(1, 2 ** 31, ' frames a second');

const OPTION_RULES: Rules<SwitchOptions> = {
  ageing: whole(1, 2 ** 31, ' ms'),
  maxEntries: whole(1, 2 ** 20),
  stormLimit: stormRule,
  queue: queueBytes(),
  allowMtuMismatch: flag,
  onLoop: callback,
};

const PORT_RULES: Rules<SwitchPortOptions> = {
  name: text,
  isolated: flag,
  guarded: flag,
  macs: rule(Array.isArray, 'a list of MAC addresses'),
  stormLimit: stormRule,
};

/** The bytes of a MAC address that was a number. */
function macBytesOf(mac: number): Uint8Array {
  return Uint8Array.from({ length: 6 }, (_, n) => Math.floor(mac / 2 ** (40 - 8 * n)) % 256);
}

const isGroup = (frame: Uint8Array, at: number): boolean => ((frame[at] ?? 0) & 1) !== 0;

class LearningSwitch implements Switch {
  readonly #options: SwitchOptions;
  readonly #table: ForwardingTable<Port>;
  readonly #guard: LoopGuard<Port>;
  readonly #nested = new Queue<[Port, Uint8Array]>();
  #ports: Port[] = [];
  #named = 0;
  #isPassing = false;
  #isClosed = false;

  constructor(options: SwitchOptions) {
    this.#options = options;
    this.#table = new ForwardingTable(options.ageing ?? 300_000, options.maxEntries ?? 4096);
    this.#guard = new LoopGuard((port) => {
      this.#table.clear(port, false);
      const { onLoop } = options;
      // An error of the callback is one of the program, not of the sender of the frame.
      if (onLoop) queueMicrotask(() => onLoop(port));
    });
  }

  get ports(): readonly SwitchPort[] {
    return [...this.#ports];
  }

  plug(endpoint: LinkEndpoint, options: SwitchPortOptions = {}): SwitchPort {
    const action = 'Cannot plug an endpoint into a switch';
    if (this.#isClosed) throw new NetError('EBADF', action);
    checkEndpoint(action, 'it', endpoint);
    checkOptions(action, options, PORT_RULES);
    this.#checkFit(action, endpoint);
    const macs = (options.macs ?? []).map((mac) => macAt(parseMac(mac), 0));
    const now = performance.now();
    const { stormLimit = 5000, queue = 2 ** 18 } = this.#options;
    const name = options.name ?? `port${this.#named}`;
    const onEnd = (): void => this.#remove(port);
    const settings = { stormLimit, queue, ...options, name, onEnd };
    const port: Port = new Port(endpoint, settings, now);
    try {
      for (const mac of macs) this.#fix(action, mac, port, now);
      port.open(
        plugEndpoint(endpoint, {
          send: (frame) => {
            this.#receive(port, frame);
            return true;
          },
          ready: async () => {},
        }),
      );
    } catch (error) {
      this.#table.clear(port, true);
      throw error;
    }
    this.#named++;
    this.#ports.push(port);
    this.#guard.add(port, now);
    return port;
  }

  #checkFit(action: string, { type, mtu }: LinkEndpoint): void {
    if (type === 'tun') {
      throw new NetError('EINVAL', action, {
        reason: 'it is a tun: a switch takes Ethernet frames',
      });
    }
    if (this.#options.allowMtuMismatch || mtu === undefined) return;
    const other = this.#ports.find(({ endpoint }) => (endpoint.mtu ?? mtu) !== mtu);
    if (!other) return;
    const reason = `its MTU is ${mtu}, and that of ${other.name} is ${other.endpoint.mtu}`;
    throw new NetError('EMSGSIZE', action, { reason });
  }

  #fix(action: string, mac: number, port: Port, now: number): void {
    if (this.#table.fix(mac, port, now)) return;
    const reason = `${formatMac(macBytesOf(mac))} is an address of another port`;
    throw new NetError('EINVAL', action, { reason });
  }

  #remove(port: Port): void {
    this.#ports = this.#ports.filter((one) => one !== port);
    this.#guard.remove(port);
    this.#table.clear(port, true);
  }

  /** Takes a frame of a port, whatever becomes of it. */
  #receive(port: Port, frame: Uint8Array): void {
    if (!this.#isPassing) this.#pass(port, frame);
    else if (this.#nested.length >= NESTED) port.counts.full++;
    else {
      this.#nested.push([port, copyOf(frame)]);
      if (this.#nested.length === 1) afterEventLoop(this.#passNested);
    }
  }

  readonly #passNested = (): void => {
    for (let left = this.#nested.length; left > 0; left--) {
      const nested = this.#nested.shift();
      if (nested) this.#pass(...nested);
    }
    if (this.#nested.length > 0) afterEventLoop(this.#passNested);
  };

  #pass(port: Port, frame: Uint8Array): void {
    if (!port.isOpen) return;
    this.#isPassing = true;
    try {
      this.#forward(port, frame, performance.now());
    } finally {
      this.#isPassing = false;
    }
  }

  #forward(port: Port, frame: Uint8Array, now: number): void {
    const { counts } = port;
    counts.rxFrames++;
    counts.rxBytes += frame.length;
    const source = macAt(frame, 6);
    const destination = macAt(frame, 0);
    if (frame.length < 14 || isGroup(frame, 6) || source === 0) counts.malformed++;
    else if (destination >= RESERVED && destination < RESERVED + 16) counts.reserved++;
    else if (this.#guard.isProbe(frame)) this.#takeProbe(port, frame, now);
    else if (this.#isBlocked(port, now)) counts.looped++;
    else if (port.guarded && isRefused(frame)) counts.guarded++;
    else if (!this.#learn(port, source, now)) counts.spoofed++;
    else {
      const to = isGroup(frame, 0) ? undefined : this.#table.find(destination, now);
      if (to) this.#sendTo(port, to, frame, now);
      else this.#flood(port, frame, now);
    }
  }

  /** Learns the source of a frame; false: it may not be at this port. */
  #learn(port: Port, source: number, now: number): boolean {
    if (port.isFixed) return this.#table.find(source, now) === port;
    const learned = this.#table.learn(source, port, now);
    if (learned === 'moved') port.counts.moves++;
    return learned !== 'refused';
  }

  #takeProbe(port: Port, frame: Uint8Array, now: number): void {
    if (port.probes.take(now) && this.#guard.take(port, frame, now)) {
      if (this.#isBlocked(port, now)) port.counts.looped++;
      else this.#sendToAll(port, frame, now);
    } else port.counts.filtered++;
  }

  /** Whether a port is blocked. The first frame after the end of a block probes it again. */
  #isBlocked(port: Port, now: number): boolean {
    if (port.blockedUntil === 0) return false;
    if (now < port.blockedUntil) return true;
    port.blockedUntil = 0;
    this.#guard.probe(port, now);
    return false;
  }

  #sendTo(from: Port, to: Port, frame: Uint8Array, now: number): void {
    if (to === from) from.counts.filtered++;
    else if (from.isolated && to.isolated) from.counts.isolated++;
    else if (this.#isBlocked(to, now)) to.counts.looped++;
    else to.send(frame);
  }

  #flood(from: Port, frame: Uint8Array, now: number): void {
    this.#guard.flooded(from, now);
    if (!from.storm.take(now)) from.counts.storm++;
    else this.#sendToAll(from, frame, now);
  }

  #sendToAll(from: Port, frame: Uint8Array, now: number): void {
    for (const to of this.#ports) {
      if (to === from || (from.isolated && to.isolated)) continue;
      if (this.#isBlocked(to, now)) to.counts.looped++;
      else to.send(frame);
    }
  }

  *forwardingTable(): Generator<SwitchEntry> {
    const now = performance.now();
    for (const [mac, { port, seen, isStatic }] of this.#table.list(now)) {
      const kind = isStatic ? 'static' : 'dynamic';
      yield { mac: formatMac(macBytesOf(mac)), port, age: now - seen, kind };
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const port of this.#ports) await port.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Makes a switch: several VMs, stacks and adapters on one Ethernet network. It learns which address is at which
 * port; a slow port drops frames and never holds up the others. Guests are untrusted: the table, floods and
 * queues of each port are bounded, and loops are found and blocked.
 *
 * @param options - Ageing, size of the table, limits.
 * @returns The switch; plug() endpoints into it.
 * @throws {NetError} EINVAL for an option that is unknown or out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createSwitch } from 'ringstack/link';
 *
 * const [a, b] = [await createStack(), await createStack()];
 * const network = await createSwitch();
 * network.plug(await a.createTapInterface({ ip: '10.0.0.1/24' }), { name: 'a' });
 * network.plug(await b.createTapInterface({ ip: '10.0.0.2/24' }), { name: 'b' });
 * const listener = await b.listenTcp({ port: 80 });
 * await a.connectTcp({ host: '10.0.0.2', port: 80 });
 * assert.equal((await listener.accept()).remoteAddress, '10.0.0.1');
 * for (const { mac, port } of network.forwardingTable()) assert.match(`${mac} ${port.name}`, / [ab]$/);
 * await a.close(); // its port ends
 * assert.equal(network.ports.length <= 2, true);
 * await network.close();
 * await b.close();
 * ```
 */
export async function createSwitch(options: SwitchOptions = {}): Promise<Switch> {
  checkOptions('Cannot make a switch', options, OPTION_RULES);
  return new LearningSwitch(options);
}
