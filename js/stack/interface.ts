// SPDX-License-Identifier: MIT
// interface - what interfaces of all kinds have in common: addresses, statistics, their end
//
// Those with rings are js/stack/ring_interface.ts.

import {
  CMD_IFACE_REMOVE,
  IFACE_CHANNEL,
  IFACE_DROPPED,
  IFACE_RX,
  IFACE_RX_BYTES,
  IFACE_RX_INVALID,
  IFACE_RX_OVERSIZE,
  IFACE_RX_PACKETS,
  IFACE_TX,
  IFACE_TX_BYTES,
  IFACE_TX_LOST,
  IFACE_TX_PACKETS,
  RING_BAD,
} from '../abi.ts';
import type {
  AddAddressOptions,
  ForwardingStatistics,
  InterfaceStatistics,
  NetworkInterface,
} from '../api/interface.ts';
import type { Channel } from '../control/channel.ts';
import { newCommand } from '../control/commands.ts';
import type { Made } from '../control/events.ts';
import { NetError } from '../errors.ts';
import type { Cidr, IpAddress } from '../util/address.ts';
import { formatCidr, formatIp, netmask } from '../util/address.ts';
import { showAs } from '../util/inspect.ts';
import { linkLocalOf } from '../util/link_local.ts';

/** Loads the functions that change interfaces. */
export type LoadChanges = () => Promise<typeof import('./interface_changes.ts')>;

/** The checked options of an interface. */
export interface Plan {
  readonly type: NetworkInterface['type'];
  readonly cidrs: readonly Cidr[];
  readonly mtu: number;
  readonly mac: Uint8Array;
}

/** An interface of any kind; a loopback interface is nothing more. */
export class BaseInterface implements NetworkInterface {
  readonly type: NetworkInterface['type'];
  mtu: number;
  /** Its addresses. */
  cidrs: readonly Cidr[];
  /** down() was called last. */
  isDown = false;
  readonly channel: Channel;
  /** Offset of its struct iface. */
  readonly offset: number;
  /** Its handle in C. */
  readonly handle: number;
  #gone: NetError | undefined;
  #isLost = false;
  #last: InterfaceStatistics | undefined;
  readonly #load: LoadChanges;

  constructor(channel: Channel, made: Made, plan: Plan, load: LoadChanges) {
    this.#load = load;
    this.channel = channel;
    this.handle = made.handle;
    this.offset = made.offset;
    this.type = plan.type;
    this.mtu = plan.mtu;
    this.cidrs = plan.cidrs;
  }

  get #first(): Cidr | undefined {
    return this.cidrs.find((cidr) => cidr.address.family === 4) ?? this.cidrs[0];
  }

  get ip(): string | undefined {
    return this.#first && formatIp(this.#first.address);
  }

  get netmask(): string | undefined {
    return this.#first?.address.family === 4 ? netmask(4, this.#first.prefix) : undefined;
  }

  get addresses(): readonly string[] {
    return this.cidrs.map(formatCidr);
  }

  get linkLocalAddress(): string | undefined {
    const { mac, cidrs } = this as { mac?: string } & BaseInterface;
    if (!mac || !cidrs.some(({ address }) => address.family === 6)) return undefined;
    return linkLocalOf(mac);
  }

  get isUp(): boolean {
    return !this.isDown && !this.#gone;
  }

  async addAddress(cidr: string, options?: AddAddressOptions): Promise<void> {
    return (await this.#load()).addAddress(this, cidr, options);
  }

  async removeAddress(address: string): Promise<void> {
    return (await this.#load()).removeAddress(this, address);
  }

  async setMtu(mtu: number): Promise<void> {
    return (await this.#load()).setMtu(this, mtu);
  }

  async setGateway(gateway: string | readonly string[] | null, family?: 4 | 6): Promise<void> {
    return (await this.#load()).setGateway(this, gateway, family);
  }

  async setForwarding(on: boolean): Promise<void> {
    return (await this.#load()).setForwarding(this, on);
  }

  async forwardingStatistics(): Promise<ForwardingStatistics> {
    return (await this.#load()).forwardingStatistics(this);
  }

  async up(): Promise<void> {
    return (await this.#load()).setUp(this, true);
  }

  async down(): Promise<void> {
    return (await this.#load()).setUp(this, false);
  }

  /** It has another MTU. */
  resize(mtu: number): void {
    this.mtu = mtu;
  }

  get statistics(): InterfaceStatistics {
    return this.#last ?? this.#read();
  }

  #read(): InterfaceStatistics {
    const { view } = this.channel.arena;
    const count = (field: number): number => view.getUint32(this.offset + field, true);
    const bytes = (field: number): number => Number(view.getBigUint64(this.offset + field, true));
    return {
      rxPackets: count(IFACE_RX_PACKETS),
      rxBytes: bytes(IFACE_RX_BYTES),
      txPackets: count(IFACE_TX_PACKETS),
      txBytes: bytes(IFACE_TX_BYTES),
      dropped: count(IFACE_DROPPED),
      lost: count(IFACE_TX_LOST) + count(IFACE_TX + RING_BAD),
      invalid: count(IFACE_RX_INVALID) + count(IFACE_RX_OVERSIZE) + count(IFACE_RX + RING_BAD),
    };
  }

  /** Whether it has an address. */
  has(address: IpAddress): boolean {
    const text = formatIp(address);
    return this.cidrs.some((cidr) => formatIp(cidr.address) === text);
  }

  /** It is not shared with another thread. */
  get isHere(): boolean {
    return Atomics.load(this.channel.arena.i32, (this.offset + IFACE_CHANNEL) >>> 2) === 0;
  }

  /** Why it is gone, or undefined. */
  get gone(): NetError | undefined {
    return this.#gone;
  }

  lose(): void {
    this.#isLost = true;
    this.channel.isLost = true;
  }

  /** Ends its streams; settles when nothing here uses its rings. */
  async detach(error: NetError): Promise<void> {
    if (this.#gone) return;
    this.#gone = error;
  }

  toJSON(): object {
    const { type, mac, addresses, mtu, isUp } = this as { mac?: string } & BaseInterface;
    return { type, ...(mac && { mac }), addresses, mtu, isUp };
  }

  /** Keeps the counters readable when the memory is gone. */
  freeze(): void {
    this.#last ??= this.#read();
  }

  /** Removes it: ends its streams and has C free it. */
  async remove(): Promise<void> {
    const action = `Cannot remove the ${this.type} interface`;
    await this.detach(new NetError('ENODEV', `Cannot use the ${this.type} interface`));
    if (this.#isLost || !(await this.channel.recall(this.handle, () => this.isHere))) {
      const reason = 'another thread does not release it';
      throw new NetError('ETIMEDOUT', action, { reason });
    }
    this.freeze();
    await this.channel.call(newCommand(CMD_IFACE_REMOVE, this.handle), action, () => {});
  }
}

showAs(BaseInterface, 'NetworkInterface');
