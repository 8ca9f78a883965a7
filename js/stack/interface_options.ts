// SPDX-License-Identifier: MIT
// interface_options - what the create*Interface() methods take, checked, as a command to C

import {
  CMD_IFACE_ADD,
  CMD_IFACE_ADDR_COUNT,
  CMD_IFACE_ADDRS,
  CMD_IFACE_FLAGS,
  CMD_IFACE_GATEWAY_COUNT,
  CMD_IFACE_GATEWAYS,
  CMD_IFACE_KIND,
  CMD_IFACE_MAC,
  CMD_IFACE_MTU,
  CMD_IFACE_RING_SIZE,
  CMD_IFACE_SIZE,
  IFACE_ADDRS,
  IFACE_LOOPBACK,
  IFACE_MTU_MAX,
  IFACE_MTU_MIN,
  IFACE_NO_CHECKSUM,
  IFACE_NO_LARGE_SEND,
  IFACE_TAP,
  IFACE_TUN,
} from '../abi.ts';
import type { InterfaceOptions } from '../api/interface.ts';
import type { Control } from '../control/commands.ts';
import { addressAt, writeAddress } from '../control/commands.ts';
import { NetError } from '../errors.ts';
import type { Cidr, IpAddress } from '../util/address.ts';
import { formatCidr, parseCidrs, parseIp, parseMac, randomMac } from '../util/address.ts';
import { FrameInterface, Interface, type Plan } from './interface.ts';

const KINDS = { loopback: IFACE_LOOPBACK, tun: IFACE_TUN, tap: IFACE_TAP } as const;
const MTU = 1500;
const RING = 512 * 1024;
const RING_MOST = 1024 * 1024 * 1024;

function checkMtu(value: number | undefined, type: Plan['type']): number {
  const mtu = value ?? (type === 'loopback' ? IFACE_MTU_MAX : MTU);
  if (!Number.isInteger(mtu) || mtu < IFACE_MTU_MIN || mtu > IFACE_MTU_MAX) {
    throw new NetError('EINVAL', `Cannot create a ${type} interface with an MTU of ${mtu}`, {
      reason: `it must be ${IFACE_MTU_MIN} to ${IFACE_MTU_MAX}`,
    });
  }
  return mtu;
}

function checkRing(value: number | undefined, mtu: number): number {
  const size = value ?? Math.max(RING, 8 * mtu);
  if (!(size >= 1 && size <= RING_MOST)) {
    throw new NetError('EINVAL', `Cannot use a ringSize of ${size} bytes`);
  }
  return 2 ** Math.ceil(Math.log2(Math.max(size, 4 * mtu + 16384)));
}

function checkAddresses(cidrs: readonly Cidr[]): void {
  const v4 = cidrs.filter((cidr) => cidr.address.family === 4).length;
  if (v4 > 1 || cidrs.length - v4 >= IFACE_ADDRS) {
    throw new NetError('EINVAL', `Cannot give an interface ${cidrs.map(formatCidr).join(', ')}`, {
      reason: 'at most one IPv4 and three IPv6 addresses are supported',
    });
  }
}

function checkGateways(gateway: InterfaceOptions['gateway']): IpAddress[] {
  const list = gateway === undefined ? [] : typeof gateway === 'string' ? [gateway] : gateway;
  const addresses = list.map((one) => parseIp(one));
  if (new Set(addresses.map((one) => one.family)).size !== addresses.length) {
    throw new NetError('EINVAL', `Cannot use the gateways ${list.join(', ')}`, {
      reason: 'at most one of each family is supported',
    });
  }
  return addresses;
}

/** What createTapInterface() and its sisters take together. */
export type AnyInterfaceOptions = InterfaceOptions & { readonly mac?: string };

/**
 * Creates an interface.
 *
 * @param control - Of the stack.
 * @param type - Its kind.
 * @param options - What the user wants.
 * @param added - Told of it at once, before the promise.
 * @returns The interface, up.
 * @throws {NetError} EINVAL, EMFILE, ENOMEM, ESHUTDOWN.
 */
export async function createInterface(
  control: Control,
  type: Plan['type'],
  options: AnyInterfaceOptions,
  added: (iface: Interface) => void,
): Promise<Interface> {
  const cidrs = options.ip === undefined ? [] : parseCidrs(options.ip);
  checkAddresses(cidrs);
  const gateways = checkGateways(options.gateway);
  const mac = options.mac === undefined ? randomMac() : parseMac(options.mac);
  const mtu = checkMtu(options.mtu, type);
  const command = control.command(CMD_IFACE_ADD, CMD_IFACE_SIZE);
  command.setUint32(CMD_IFACE_KIND, KINDS[type], true);
  command.setUint32(CMD_IFACE_MTU, mtu, true);
  const flags =
    (options.checksum === false ? IFACE_NO_CHECKSUM : 0) |
    (options.largeSend === false ? IFACE_NO_LARGE_SEND : 0);
  command.setUint32(CMD_IFACE_FLAGS, flags, true);
  command.setUint32(CMD_IFACE_RING_SIZE, checkRing(options.ringSize, mtu), true);
  command.setUint32(CMD_IFACE_ADDR_COUNT, cidrs.length, true);
  command.setUint32(CMD_IFACE_GATEWAY_COUNT, gateways.length, true);
  mac.forEach((byte, i) => {
    command.setUint8(CMD_IFACE_MAC + i, byte);
  });
  cidrs.forEach((cidr, i) => {
    writeAddress(command, addressAt(CMD_IFACE_ADDRS, i), cidr.address, 0, cidr.prefix);
  });
  gateways.forEach((gateway, i) => {
    writeAddress(command, addressAt(CMD_IFACE_GATEWAYS, i), gateway);
  });
  const plan = { type, cidrs, mtu, mac };
  return control.call(command, `Cannot create a ${type} interface`, (made) => {
    const Kind = type === 'loopback' ? Interface : FrameInterface;
    const iface = new Kind(control, made, plan);
    added(iface);
    return iface;
  });
}
