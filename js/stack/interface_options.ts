// SPDX-License-Identifier: MIT
// interface_options - the options of interfaces, checked, as a command to C

import {
  CMD_IFACE_ADD,
  CMD_IFACE_ADDR_COUNT,
  CMD_IFACE_ADDRS,
  CMD_IFACE_FLAGS,
  CMD_IFACE_KIND,
  CMD_IFACE_MAC,
  CMD_IFACE_MTU,
  CMD_IFACE_RING_SIZE,
  CMD_IFACE_SIZE,
  IFACE_ADDRS,
  IFACE_BRIDGE,
  IFACE_LOOPBACK,
  IFACE_MTU_MAX,
  IFACE_MTU_MIN,
  IFACE_NO_CHECKSUM,
  IFACE_NO_GSO,
  IFACE_TAP,
  IFACE_TUN,
} from '../abi.ts';
import type { InterfaceOptions, TapInterfaceOptions } from '../api/interface.ts';
import type { Channel } from '../control/channel.ts';
import { addressAt, type Command, newCommand, writeAddress } from '../control/commands.ts';
import { NetError } from '../errors.ts';
import type { Cidr, IpAddress } from '../util/address.ts';
import { formatCidr, parseCidrs, parseMac, randomMac } from '../util/address.ts';
import { any, checkOptions, flag, type Rules, range, whole } from '../util/check.ts';
import { checkHost } from './host_address.ts';
import { BaseInterface, type LoadChanges, type Plan } from './interface.ts';

const KINDS = {
  loopback: IFACE_LOOPBACK,
  tun: IFACE_TUN,
  tap: IFACE_TAP,
  bridge: IFACE_BRIDGE,
} as const;
const MTU = 1500;
const RING = 512 * 1024;
const RING_MOST = 1024 * 1024 * 1024;

const RULES: Rules<InterfaceOptions> = {
  ip: any,
  gateway: any,
  mtu: whole(IFACE_MTU_MIN, IFACE_MTU_MAX),
  checksum: flag,
  largeSend: flag,
  ringSize: range(1, RING_MOST, ' bytes'),
};
const TAP_RULES: Rules<InterfaceOptions & Pick<TapInterfaceOptions, 'mac'>> = {
  ...RULES,
  mac: any,
};

/** Bytes of a ring: a power of two with room for four of the largest packets. */
function ringSize(size: number, mtu: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(size, 4 * mtu + 16384)));
}

function checkAddresses(action: string, cidrs: readonly Cidr[]): void {
  for (const cidr of cidrs) checkHost(action, cidr);
  const v4 = cidrs.filter((cidr) => cidr.address.family === 4).length;
  if (v4 > 1 || cidrs.length - v4 >= IFACE_ADDRS) {
    throw new NetError('EINVAL', `${action} with ${cidrs.map(formatCidr).join(', ')}`, {
      reason: `must be at most one IPv4 and ${IFACE_ADDRS - 1} IPv6 addresses`,
    });
  }
}

/** The options of all kinds of interfaces. */
export type AnyInterfaceOptions = InterfaceOptions & TapInterfaceOptions;

/** Checks the options: the command that creates the interface, and what its object shows. */
function interfaceCommand(
  type: Plan['type'],
  options: AnyInterfaceOptions,
  action: string,
  ip: string | undefined,
): { command: Command; plan: Plan } {
  checkOptions(action, options, KINDS[type] >= IFACE_TAP ? TAP_RULES : RULES);
  const cidrs = parseCidrs(options.ip ?? ip ?? []);
  checkAddresses(action, cidrs);
  const mac = options.mac === undefined ? randomMac() : parseMac(options.mac);
  const mtu = options.mtu ?? (type === 'loopback' ? IFACE_MTU_MAX : MTU);
  const ring = ringSize(options.ringSize ?? Math.max(RING, 8 * mtu), mtu);
  const flags =
    (options.checksum === false ? IFACE_NO_CHECKSUM : 0) |
    (options.largeSend === false ? IFACE_NO_GSO : 0);
  const command = newCommand(CMD_IFACE_ADD, 0, CMD_IFACE_SIZE);
  command.setUint32(CMD_IFACE_KIND, KINDS[type], true);
  command.setUint32(CMD_IFACE_MTU, mtu, true);
  command.setUint32(CMD_IFACE_FLAGS, flags, true);
  command.setUint32(CMD_IFACE_RING_SIZE, ring, true);
  command.setUint32(CMD_IFACE_ADDR_COUNT, cidrs.length, true);
  mac.forEach((byte, i) => {
    command.setUint8(CMD_IFACE_MAC + i, byte);
  });
  cidrs.forEach((cidr, i) => {
    writeAddress(command, addressAt(CMD_IFACE_ADDRS, i), cidr.address, 0, cidr.prefix);
  });
  return { command, plan: { type, cidrs, mtu, mac } };
}

/**
 * Creates an interface.
 *
 * @param channel - Of the stack.
 * @param type - Its kind.
 * @param options - From the program.
 * @param added - Runs at once when the interface exists, before the promise settles; its gateways may still fail.
 * @param load - Loads the functions that change it.
 * @param isOwn - Whether the stack has an address already.
 * @param ip - Its address if the options have none.
 * @param Class - Its class, if it is a bridge.
 * @returns The interface, up.
 * @throws {NetError} EADDRINUSE, EINVAL, EMFILE, ENOMEM, ESHUTDOWN.
 */
export async function createInterface(
  channel: Channel,
  type: Plan['type'],
  options: AnyInterfaceOptions,
  added: (iface: BaseInterface) => void,
  load: LoadChanges,
  isOwn: (address: IpAddress) => boolean,
  ip?: string,
  Class?: typeof BaseInterface,
): Promise<BaseInterface> {
  const action = `Cannot create a ${type} interface`;
  const { command, plan } = interfaceCommand(type, options, action, ip);
  const { gateway } = options;
  const changes = gateway === undefined ? undefined : await load();
  if (gateway !== undefined) changes?.readGateways(action, gateway, plan);
  const twice = plan.cidrs.find(({ address }) => type !== 'loopback' && isOwn(address));
  // A link-local address is one of its link alone.
  if (twice && twice.address.bytes[0] !== 0xfe) {
    const reason = `another interface has ${formatCidr(twice)}`;
    throw new NetError('EADDRINUSE', action, { reason });
  }
  const Kind =
    type === 'loopback'
      ? BaseInterface
      : (Class ?? (await import('./ring_interface.ts')).RingInterface);
  const iface = await channel.call(command, action, (made) => {
    const iface = new Kind(channel, made, plan, load);
    added(iface);
    return iface;
  });
  if (gateway !== undefined) await changes?.setGateway(iface, gateway);
  return iface;
}
