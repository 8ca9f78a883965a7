// SPDX-License-Identifier: MIT
// bridge - bridge interfaces and their ports: a file of its own, loaded by the first bridge
//
// Theory of operation
//
// Frames pass in C (core/iface/bridge.c), from tap to tap. A port is a tap of the stack; for any other endpoint a tap is
// made, and joined with it (js/link/connect.ts). Counters, the table and the block of a port are words of the arena.
//
// The loop guard is that of switches. C hands its probes over in the bridge's tx ring, and sends what is put into its
// rx ring; each is one record, with the port in front.
//
// Ports: js/stack/bridge_port.ts.

import {
  BRIDGE_FIX,
  BRIDGE_FLUSH,
  BRIDGE_JOIN,
  CMD_BRIDGE,
  CMD_BRIDGE_AGEING,
  CMD_BRIDGE_BRIDGE,
  CMD_BRIDGE_FLAGS,
  CMD_BRIDGE_MAC,
  CMD_BRIDGE_MOST,
  CMD_BRIDGE_MTU,
  CMD_BRIDGE_SIZE,
  CMD_BRIDGE_STORM,
  IFACE_MTU,
  IFACE_MTU_MAX,
  IFACE_MTU_MIN,
  IFACE_RX,
  IFACE_TX,
  PORT_CREATED,
  PORT_FRAME_ALL,
  PORT_FRAME_HEADER,
  PORT_IS_FIXED,
  PORT_IS_GUARDED,
  PORT_IS_ISOLATED,
  PORT_STATIONS,
  PORT_STORM_MOST,
  PORT_TABLE,
  STATION_KIND,
  STATION_LEARNED,
  STATION_OWN,
  STATION_PORT,
  STATION_SEEN,
  STATION_SIZE,
} from '../abi.ts';
import type {
  BridgeEndpoint,
  BridgeEntry,
  BridgeInterfaceOptions,
  BridgePort,
  BridgePortOptions,
} from '../api/bridge.ts';
import type { NetworkStack } from '../api/stack.ts';
import type { Channel } from '../control/channel.ts';
import { type Command, newCommand } from '../control/commands.ts';
import type { Made } from '../control/events.ts';
import { NetError } from '../errors.ts';
import { checkEndpoint } from '../link/shape.ts';
import { LoopGuard } from '../link/switch_loop.ts';
import type { LinkEndpoint } from '../link/types.ts';
import { FrameConsumer, FrameProducer } from '../ring.ts';
import { formatMac, type IpAddress, parseMac } from '../util/address.ts';
import {
  any,
  checkOptions,
  flag,
  INT32_MAX,
  type Rules,
  show,
  text,
  whole,
} from '../util/check.ts';
import { ownerOf } from '../util/owner.ts';
import { type Parent, Port } from './bridge_port.ts';
import { BaseInterface, type LoadChanges, type Plan } from './interface.ts';
import { type AnyInterfaceOptions, createInterface } from './interface_options.ts';
import type { RingInterface } from './ring_interface.ts';

const ENTRIES_MOST = 2 ** 20;

const list = (value: unknown): string | undefined => (Array.isArray(value) ? undefined : 'a list');
const callback = (value: unknown): string | undefined =>
  typeof value === 'function' ? undefined : 'a function';
const stormRule = whole(1, PORT_STORM_MOST, ' frames a second');

const RULES: Rules<BridgeInterfaceOptions> = {
  ports: list,
  isolated: list,
  guarded: list,
  ip: any,
  gateway: any,
  mac: any,
  checksum: flag,
  mtu: whole(IFACE_MTU_MIN, IFACE_MTU_MAX),
  ageing: whole(1, INT32_MAX, ' ms'),
  maxEntries: whole(8, ENTRIES_MOST),
  stormLimit: stormRule,
  onLoop: callback,
};
const PORT_RULES: Rules<BridgePortOptions> = {
  name: text,
  isolated: flag,
  guarded: flag,
  macs: list,
  maxAddresses: whole(1, ENTRIES_MOST),
  stormLimit: stormRule,
};

/** A bridge. */
class Bridge extends BaseInterface implements Parent {
  readonly mac: string;
  #ports: Port[] = [];
  #stormLimit = 0;
  #maxEntries = 0;
  #named = 0;
  /** Offset of its own struct abi_port, 0 until it is set up and when it is gone. */
  #self = 0;
  /** C's clock less ours, ms. */
  #clock = 0;
  #mtu: number | undefined;
  readonly #tx: FrameConsumer;
  readonly #rx: FrameProducer;
  #guard: LoopGuard<Port> | undefined;

  constructor(channel: Channel, made: Made, plan: Plan, load: LoadChanges) {
    super(channel, made, plan, load);
    const { arena } = channel;
    this.mac = formatMac(plan.mac);
    // The least of its ports changes in C.
    Object.defineProperty(this, 'mtu', { get: () => this.#mtu ?? this.#word(IFACE_MTU) });
    this.#tx = new FrameConsumer(arena, made.offset + IFACE_TX, 2048);
    this.#rx = new FrameProducer(arena, made.offset + IFACE_RX);
    channel.addPoller(this.#poll);
  }

  #word(field: number): number {
    return this.channel.arena.view.getUint32(this.offset + field, true);
  }

  get ports(): Iterable<BridgePort> {
    return [...this.#ports];
  }

  override resize(): void {}

  /** Sets it up as a bridge, without ports. */
  async open(action: string, options: BridgeInterfaceOptions): Promise<void> {
    const { ageing = 300_000, maxEntries = 4096, stormLimit = 5000, onLoop } = options;
    this.#stormLimit = stormLimit;
    this.#maxEntries = 2 ** Math.ceil(Math.log2(maxEntries));
    this.#guard = new LoopGuard((port: Port) => {
      this.channel.post(this.command(BRIDGE_FLUSH, port.tap.handle));
      // An error of the callback is one of the program.
      if (onLoop) queueMicrotask(() => onLoop(port));
    });
    const command = this.#join(this.handle, {});
    command.setUint32(CMD_BRIDGE_AGEING, ageing, true);
    command.setUint32(CMD_BRIDGE_MTU, options.mtu ?? IFACE_MTU_MAX, true);
    await this.channel.call(command, action, ({ offset }) => {
      this.#self = offset;
      this.#clock = this.#selfWord(PORT_CREATED) - performance.now();
    });
  }

  #selfWord(field: number): number {
    return this.channel.arena.view.getUint32(this.#self + field, true);
  }

  command(what: number, handle: number): Command {
    const command = newCommand(CMD_BRIDGE, handle, CMD_BRIDGE_SIZE, what);
    command.setUint32(CMD_BRIDGE_BRIDGE, this.handle, true);
    return command;
  }

  #join(handle: number, options: BridgePortOptions): Command {
    const { isolated, guarded, macs, stormLimit = this.#stormLimit } = options;
    const command = this.command(BRIDGE_JOIN, handle);
    const flags =
      (isolated ? PORT_IS_ISOLATED : 0) |
      (guarded ? PORT_IS_GUARDED : 0) |
      (macs ? PORT_IS_FIXED : 0);
    command.setUint32(CMD_BRIDGE_FLAGS, flags, true);
    command.setUint32(CMD_BRIDGE_STORM, stormLimit, true);
    command.setUint32(CMD_BRIDGE_MOST, options.maxAddresses ?? this.#maxEntries, true);
    return command;
  }

  async addPort(endpoint: BridgeEndpoint, options: BridgePortOptions = {}): Promise<BridgePort> {
    const action = 'Cannot add a port to the bridge';
    if (this.gone) throw this.gone;
    checkEndpoint(action, 'it', endpoint);
    checkOptions(action, options, PORT_RULES);
    if (endpoint.type === 'tun') {
      const reason = 'it is a tun: a bridge takes Ethernet frames';
      throw new NetError('EINVAL', action, { reason });
    }
    if (this.#ports.some((port) => port.endpoint === endpoint || port.interface === endpoint)) {
      throw new NetError('EINVAL', action, { reason: 'it is a port already' });
    }
    const macs = (options.macs ?? []).map(parseMac);
    const stack = ownerOf(this) as NetworkStack;
    if (ownerOf(endpoint) === stack) {
      return this.#add(action, endpoint as unknown as RingInterface, endpoint, options, macs);
    }
    const mtu = Math.max(IFACE_MTU_MIN, Math.min(IFACE_MTU_MAX, endpoint.mtu ?? 1500));
    const tap = await stack.createTapInterface({ mtu });
    try {
      const own = tap as unknown as RingInterface;
      const port = await this.#add(action, own, endpoint, options, macs);
      port.plug(endpoint as LinkEndpoint);
      return port;
    } catch (error) {
      await stack.removeInterface(tap).catch(() => {});
      throw error;
    }
  }

  async #add(
    action: string,
    tap: RingInterface,
    endpoint: BridgeEndpoint,
    options: BridgePortOptions,
    macs: readonly Uint8Array[],
  ): Promise<Port> {
    const name = options.name ?? `port${this.#named++}`;
    const port = await this.channel.call(this.#join(tap.handle, options), action, ({ offset }) => {
      const port = new Port(this, tap, offset, endpoint, { ...options, name });
      this.#ports.push(port);
      return port;
    });
    try {
      for (const mac of macs) {
        const command = this.command(BRIDGE_FIX, tap.handle);
        new Uint8Array(command.buffer).set(mac, CMD_BRIDGE_MAC);
        await this.channel.call(command, `${action} with ${formatMac(mac)}`, () => {});
      }
    } catch (error) {
      await port.close();
      throw error;
    }
    this.#guard?.add(port, performance.now());
    return port;
  }

  async removePort(which: BridgePort | BridgeEndpoint): Promise<void> {
    const port = this.#ports.find(
      (one) => one === which || one.endpoint === which || one.interface === which,
    );
    if (!port) {
      const reason = 'must be one of its ports';
      throw new NetError('ENODEV', `Cannot remove ${show(which)} from the bridge`, { reason });
    }
    await port.close();
  }

  left(port: Port): void {
    this.#ports = this.#ports.filter((one) => one !== port);
    this.#guard?.remove(port);
  }

  unblocked(port: Port): void {
    this.#guard?.probe(port, performance.now());
  }

  *forwardingTable(): Generator<BridgeEntry> {
    if (this.#self === 0) return;
    const { u8, view } = this.channel.arena;
    const ports = new Map(this.#ports.map((port) => [port.tap.handle & 0xff, port]));
    const now = performance.now() + this.#clock;
    const start = this.#selfWord(PORT_TABLE);
    const found: BridgeEntry[] = [];
    for (let n = this.#selfWord(PORT_STATIONS); n > 0; n--) {
      const at = start + (n - 1) * STATION_SIZE;
      const port = ports.get(u8[at + STATION_PORT] ?? 0);
      const kind = u8[at + STATION_KIND] ?? 0;
      if (!port || kind === STATION_OWN) continue;
      // In another thread, C may write it at this moment.
      const bytes = u8.slice(at, at + STATION_SIZE);
      if (u8.slice(at, at + STATION_SIZE).some((byte, i) => byte !== bytes[i])) continue;
      const age = Math.max(0, Math.round(now - view.getUint32(at + STATION_SEEN, true)));
      const mac = formatMac(bytes.subarray(0, 6));
      found.push({ mac, port, age, kind: kind === STATION_LEARNED ? 'dynamic' : 'static' });
    }
    yield* found;
  }

  /** Has C send a frame out of a port, or of all others. */
  send(port: Port, frame: Uint8Array, all: boolean): void {
    const length = PORT_FRAME_HEADER + frame.length;
    if (this.#self === 0 || this.#rx.reserve(length) !== 1) return;
    const { u8, view } = this.channel.arena;
    const { offset } = this.#rx;
    view.setUint32(offset, port.tap.handle, true);
    view.setUint32(offset + PORT_FRAME_ALL, all ? 1 : 0, true);
    u8.set(frame, offset + PORT_FRAME_HEADER);
    this.#rx.submit(length);
    this.channel.wake();
  }

  readonly #poll = (): void => {
    if (this.#self === 0) return;
    do {
      for (let length = this.#tx.peek(); length >= 0; length = this.#tx.peek()) {
        const { offset } = this.#tx;
        const handle = this.channel.arena.view.getUint32(offset, true);
        const frame = this.channel.arena.u8.slice(offset + PORT_FRAME_HEADER, offset + length);
        this.#tx.release();
        const port = this.#ports.find(({ tap }) => tap.handle === handle);
        if (port) this.#suspect(port, frame);
      }
    } while (!this.#tx.arm());
    if (this.#tx.mustNotify()) this.channel.wake();
  };

  /** A probe came in at a port, or (empty) many flooded frames. */
  #suspect(port: Port, frame: Uint8Array): void {
    const now = performance.now();
    const guard = this.#guard;
    if (!guard) return;
    if (frame.length === 0) guard.probe(port, now);
    else if (guard.isProbe(frame) && port.probes.take(now) && guard.take(port, frame, now)) {
      if (!port.isBlocked) this.send(port, frame, true);
    }
  }

  override async detach(error: NetError): Promise<void> {
    await super.detach(error);
    // Taps that were made for endpoints go with it.
    await Promise.all(this.#ports.map((port) => port.close()));
  }

  override freeze(): void {
    this.#mtu ??= this.#word(IFACE_MTU);
    this.#self = 0;
    this.channel.removePoller(this.#poll);
    for (const port of this.#ports) port.end();
    super.freeze();
  }
}

/**
 * Creates a bridge.
 *
 * @param channel - Of the stack.
 * @param type - 'bridge'.
 * @param options - From the program.
 * @param added - Runs at once when the interface exists.
 * @param load - Loads the functions that change it.
 * @param isOwn - Whether another interface has an address.
 * @returns The interface, up, with its ports.
 * @throws {NetError} As createBridgeInterface() of a stack.
 */
export async function createBridge(
  channel: Channel,
  type: Plan['type'],
  options: BridgeInterfaceOptions,
  added: (iface: BaseInterface) => void,
  load: LoadChanges,
  isOwn: (address: IpAddress) => boolean,
): Promise<BaseInterface> {
  const action = 'Cannot create a bridge interface';
  checkOptions(action, options, RULES);
  const { ip, gateway, mac, checksum, ports = [], isolated = [], guarded = [] } = options;
  const alien = [...isolated, ...guarded].find((one) => !ports.includes(one));
  if (alien) {
    const reason = `isolated and guarded must be some of ports, got ${show(alien)}`;
    throw new NetError('EINVAL', action, { reason });
  }
  const plain = { ip, gateway, mac, checksum, ringSize: 1 } as AnyInterfaceOptions;
  const made = createInterface(channel, type, plain, added, load, isOwn, undefined, Bridge);
  const bridge = (await made) as Bridge;
  await bridge.open(action, options);
  for (const port of ports) {
    await bridge.addPort(port, {
      isolated: isolated.includes(port),
      guarded: guarded.includes(port),
    });
  }
  return bridge;
}
