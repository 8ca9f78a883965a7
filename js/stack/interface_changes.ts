// SPDX-License-Identifier: MIT
// interface_changes - addresses, gateway and MTU of an interface that change, and up and down
//
// The changes of one interface are carried out one after the other, so that what its object shows is what C has.

import {
  CHANGE_ADD,
  CHANGE_DETECT,
  CHANGE_FORWARD,
  CHANGE_MTU,
  CHANGE_REMOVE,
  CHANGE_UP,
  CMD_CHANGE,
  CMD_CHANGE_ADDRESS,
  CMD_CHANGE_AMOUNT,
  CMD_CHANGE_SIZE,
  FORWARD_FULL,
  FORWARD_NO_ROUTE,
  FORWARD_REFUSED,
  FORWARD_SENT,
  FORWARD_TOO_BIG,
  FORWARD_TTL,
  IFACE_ADDRS,
  IFACE_FORWARD,
  IFACE_LISTENING,
  IFACE_MTU_MAX,
  IFACE_MTU_MIN,
  IFACE_TX,
  IFACE_TX_RESERVE,
  RING_SIZE,
} from '../abi.ts';
import type { AddAddressOptions, ForwardingStatistics } from '../api/interface.ts';
import type { Channel } from '../control/channel.ts';
import { type Command, newCommand, writeAddress } from '../control/commands.ts';
import { NetError } from '../errors.ts';
import {
  type Cidr,
  formatIp,
  formatMac,
  type IpAddress,
  parseCidr,
  parseIp,
} from '../util/address.ts';
import { checkOptions, checkValue, flag, show, whole } from '../util/check.ts';
import { gatewayCommand, readGateways } from './gateways.ts';

export { readGateways };

import { checkHost } from './host_address.ts';

const WORD = Uint32Array.BYTES_PER_ELEMENT;

/** An interface as these functions need it. */
interface Changeable {
  readonly type: string;
  readonly channel: Channel;
  /** Its handle in C, and the offset of its struct iface. */
  readonly handle: number;
  readonly offset: number;
  cidrs: readonly Cidr[];
  readonly addresses: readonly string[];
  isDown: boolean;
  readonly isHere: boolean;
  readonly gone: NetError | undefined;
  resize(mtu: number): void;
}

/** The last change of each interface. */
const last = new WeakMap<Changeable, Promise<unknown>>();

/** Runs a change when those before it are done. */
async function inTurn<T>(iface: Changeable, action: string, run: () => Promise<T>): Promise<T> {
  const before = last.get(iface);
  const now = (async () => {
    await before?.catch(() => {});
    const { gone } = iface;
    // Handed to another thread, it still has its addresses.
    if (gone && gone.code !== 'EBADF') throw new NetError(gone.code, action, { cause: gone });
    return await run();
  })();
  last.set(iface, now);
  return now;
}

function changeCommand(iface: Changeable, what: number, cidr?: Cidr, amount = 0): Command {
  const command = newCommand(CMD_CHANGE, iface.handle, CMD_CHANGE_SIZE, what);
  if (cidr) writeAddress(command, CMD_CHANGE_ADDRESS, cidr.address, 0, cidr.prefix);
  command.setUint32(CMD_CHANGE_AMOUNT, amount, true);
  return command;
}

function isSame(a: IpAddress, b: IpAddress): boolean {
  return formatIp(a) === formatIp(b);
}

/** Refuses addresses that no host can have. */
function readHostCidr(action: string, text: string): Cidr {
  const cidr = parseCidr(text);
  checkHost(action, cidr);
  return cidr;
}

/** Asks whether another host has an address: EADDRINUSE if so. */
async function detect(iface: Changeable, action: string, cidr: Cidr): Promise<void> {
  const { channel } = iface;
  if (iface.type !== 'tap' && iface.type !== 'bridge') return;
  const isHeard = (): boolean =>
    iface.type === 'bridge' ||
    channel.arena.view.getUint32(iface.offset + IFACE_LISTENING, true) !== 0;
  if (iface.isDown || !isHeard()) {
    const reason = 'nobody can be asked: the interface is down, or nothing reads its frames';
    throw new NetError('ENODEV', action, { reason });
  }
  const found = await channel.call(
    changeCommand(iface, CHANGE_DETECT, cidr),
    action,
    (made) => made,
  );
  if (found.handle === 0 && found.offset === 0) return;
  const words = new Uint32Array([found.handle, found.offset]);
  const mac = formatMac(new Uint8Array(words.buffer, 0, 6));
  throw new NetError('EADDRINUSE', action, { reason: `${mac} has it` });
}

/**
 * Adds an address to an interface.
 *
 * @param iface - The interface.
 * @param text - A CIDR.
 * @param options - Whether to ask other hosts first, and whether it is a source.
 * @throws {NetError} As addAddress() of the interface.
 */
export async function addAddress(
  iface: Changeable,
  text: string,
  options: AddAddressOptions = {},
): Promise<void> {
  const action = `Cannot add the address ${show(text)}`;
  checkOptions(action, options, { detect: flag, deprecated: flag });
  const cidr = readHostCidr(action, text);
  if (options.deprecated && cidr.address.family === 4) {
    throw new NetError('EINVAL', action, { reason: 'deprecated is for IPv6 addresses' });
  }
  await inTurn(iface, action, async () => {
    const { family } = cidr.address;
    const same = iface.cidrs.findIndex((one) => isSame(one.address, cidr.address));
    const others = iface.cidrs.filter((one) => one.address.family === family);
    if (same < 0 && family === 6 && others.length >= IFACE_ADDRS - 1) {
      const reason = `the interface has ${IFACE_ADDRS - 1} IPv6 addresses, the most there can be`;
      throw new NetError('ENOBUFS', action, { reason });
    }
    if (same < 0 && options.detect) await detect(iface, action, cidr);
    const command = changeCommand(iface, CHANGE_ADD, cidr, options.deprecated ? 1 : 0);
    await iface.channel.call(command, action, () => {
      const at = same >= 0 || family === 6 ? same : iface.cidrs.indexOf(others[0] as Cidr);
      iface.cidrs =
        at < 0 ? [...iface.cidrs, cidr] : iface.cidrs.map((one, i) => (i === at ? cidr : one));
    });
  });
}

/**
 * Removes an address of an interface.
 *
 * @param iface - The interface.
 * @param text - The address, with its prefix or without.
 * @throws {NetError} As removeAddress() of the interface.
 */
export async function removeAddress(iface: Changeable, text: string): Promise<void> {
  const action = `Cannot remove the address ${show(text)}`;
  const isBare = typeof text === 'string' && !text.includes('/');
  const { address, prefix } = isBare ? { address: parseIp(text), prefix: -1 } : parseCidr(text);
  await inTurn(iface, action, async () => {
    const cidr = iface.cidrs.find(
      (one) => isSame(one.address, address) && (isBare || one.prefix === prefix),
    );
    if (!cidr) {
      const reason = `must be one of ${iface.addresses.join(', ') || 'no addresses'}`;
      throw new NetError('EADDRNOTAVAIL', action, { reason });
    }
    await iface.channel.call(changeCommand(iface, CHANGE_REMOVE, cidr), action, () => {
      iface.cidrs = iface.cidrs.filter((one) => one !== cidr);
    });
  });
}

/**
 * Sets the MTU of an interface.
 *
 * @param iface - The interface.
 * @param mtu - Bytes.
 * @throws {NetError} As setMtu() of the interface.
 */
export async function setMtu(iface: Changeable, mtu: number): Promise<void> {
  const action = 'Cannot set the MTU';
  // Four of the largest packets beside the reserve, as ringif_fits() of core/iface/ringif.h has it.
  const ring = iface.channel.arena.view.getUint32(iface.offset + IFACE_TX + RING_SIZE, true);
  const room = Math.floor((ring - IFACE_TX_RESERVE) / 4);
  // The rings of a bridge carry no packets.
  const most = iface.type === 'bridge' ? IFACE_MTU_MAX : Math.min(IFACE_MTU_MAX, room);
  checkValue(action, 'mtu', mtu, whole(IFACE_MTU_MIN, most, ' (ringSize has no room for more)'));
  await inTurn(iface, action, async () => {
    if (!iface.isHere) throw new NetError('EBADF', action, { reason: 'another thread has it' });
    const command = changeCommand(iface, CHANGE_MTU, undefined, mtu);
    await iface.channel.call(command, action, () => iface.resize(mtu));
  });
}

/**
 * Takes an interface up or down.
 *
 * @param iface - The interface.
 * @param up - Which.
 * @throws {NetError} As up() of the interface.
 */
export async function setUp(iface: Changeable, up: boolean): Promise<void> {
  const action = `Cannot take the ${iface.type} interface ${up ? 'up' : 'down'}`;
  await inTurn(iface, action, async () => {
    const command = changeCommand(iface, CHANGE_UP, undefined, up ? 1 : 0);
    await iface.channel.call(command, action, () => {
      iface.isDown = !up;
    });
  });
}

/**
 * Has an interface forward packets, or not.
 *
 * @param iface - The interface.
 * @param on - Whether it forwards.
 * @throws {NetError} As setForwarding() of the interface.
 */
export async function setForwarding(iface: Changeable, on: boolean): Promise<void> {
  const action = `Cannot set the forwarding of the ${iface.type} interface`;
  checkValue(action, 'on', on, flag);
  await inTurn(iface, action, async () => {
    const command = changeCommand(iface, CHANGE_FORWARD, undefined, on ? 1 : 0);
    await iface.channel.call(command, action, () => {});
  });
}

/**
 * Counts what an interface forwards.
 *
 * @param iface - The interface.
 * @returns The counters.
 * @throws {NetError} ENODEV.
 */
export function forwardingStatistics({ gone, channel, offset }: Changeable): ForwardingStatistics {
  if (gone && gone.code !== 'EBADF') throw gone;
  const count = (what: number): number =>
    channel.arena.view.getUint32(offset + IFACE_FORWARD + WORD * what, true);
  return {
    forwarded: count(FORWARD_SENT),
    expired: count(FORWARD_TTL),
    noRoute: count(FORWARD_NO_ROUTE),
    tooBig: count(FORWARD_TOO_BIG),
    refused: count(FORWARD_REFUSED),
    full: count(FORWARD_FULL),
  };
}

/**
 * Sets or removes gateways of an interface.
 *
 * @param iface - The interface.
 * @param gateway - One address, one of each family, or null: none.
 * @param family - Removes that of this family alone.
 * @throws {NetError} EINVAL, ENODEV, EBADF, ENOMEM, ESHUTDOWN.
 */
export async function setGateway(
  iface: Changeable,
  gateway: string | readonly string[] | null,
  family?: 4 | 6,
): Promise<void> {
  const action = 'Cannot set the gateway';
  const list = gateway === null ? [] : readGateways(action, gateway, iface);
  checkValue(action, 'family', family, (one) =>
    [4, 6, undefined].includes(one as 4) ? undefined : '4 or 6',
  );
  await inTurn(iface, action, async () => {
    const send = (command: Command): Promise<void> => iface.channel.call(command, action, () => {});
    for (const one of [4, 6] as const) {
      if (gateway === null && one === (family ?? one)) {
        await send(gatewayCommand(iface.handle, one));
      }
    }
    for (const address of list) await send(gatewayCommand(iface.handle, address.family, address));
  });
}
