// SPDX-License-Identifier: MIT
// gateways - gateways of interfaces: what the program gives, and the commands that set and remove them
//
// A gateway is a route with a number of its own.

import {
  CMD_ROUTE,
  CMD_ROUTE_DESTINATION,
  CMD_ROUTE_NUMBER,
  CMD_ROUTE_SIZE,
  CMD_ROUTE_VIA,
  ROUTE_ADD,
  ROUTE_REMOVE,
} from '../abi.ts';
import { type Command, newCommand, writeAddress } from '../control/commands.ts';
import { NetError } from '../errors.ts';
import { type Cidr, formatCidr, formatIp, type IpAddress, parseIp } from '../util/address.ts';
import { isIn, isLinkLocal } from '../util/subnet.ts';

/** Routes of this number and up are gateways of interfaces; `routes.add()` counts from 1. */
export const FIRST_GATEWAY = 2 ** 31;

/** An interface as it gets gateways. */
export interface Gated {
  readonly type: string;
  readonly cidrs: readonly Cidr[];
}

/**
 * Refuses a gateway that is no other host of a network of its interface. A tun has no link to be on, and behind an
 * address without a network (/32) any host may be.
 */
function checkOnLink(action: string, gateway: IpAddress, { type, cidrs }: Gated): void {
  const { family, bytes } = gateway;
  const nets = cidrs.filter(({ address }) => address.family === family);
  const isHost = nets.some(({ prefix }) => prefix === (family === 4 ? 32 : 128));
  if (type === 'tun' || nets.length === 0 || isHost) return;
  if (family === 6 && isLinkLocal(bytes)) return;
  const text = formatIp(gateway);
  const isOther = nets.every(({ address }) => formatIp(address) !== text);
  if (isOther && nets.some((net) => isIn(gateway, net))) return;
  const reason = `must be another host in ${nets.map(formatCidr).join(' or ')}`;
  throw new NetError('EINVAL', `${action} with the gateway ${text}`, { reason });
}

/**
 * Reads what a gateway may be: at most one address of each family, on the link of the interface.
 *
 * @param action - First half of error messages.
 * @param gateway - From the program.
 * @param iface - The interface, or what it will be.
 * @returns The addresses.
 * @throws {NetError} EINVAL.
 */
export function readGateways(
  action: string,
  gateway: string | readonly string[],
  iface: Gated,
): IpAddress[] {
  const list = Array.isArray(gateway) ? (gateway as readonly string[]) : [gateway as string];
  const addresses = list.map((one) => parseIp(one));
  if (new Set(addresses.map((one) => one.family)).size !== addresses.length) {
    throw new NetError('EINVAL', `${action} with the gateways ${list.join(', ')}`, {
      reason: 'must be at most one IPv4 and one IPv6 address',
    });
  }
  for (const address of addresses) checkOnLink(action, address, iface);
  return addresses;
}

/**
 * The command that sets or removes a gateway.
 *
 * @param handle - Handle of the interface in C.
 * @param family - Which gateway.
 * @param gateway - Its address; undefined: there is none any more.
 * @returns The command.
 * @throws Never.
 */
export function gatewayCommand(handle: number, family: 4 | 6, gateway?: IpAddress): Command {
  const what = gateway ? ROUTE_ADD : ROUTE_REMOVE;
  const command = newCommand(CMD_ROUTE, handle, CMD_ROUTE_SIZE, what);
  const number = FIRST_GATEWAY + 2 * (handle & 0xffff) + (family >> 1);
  command.setUint32(CMD_ROUTE_NUMBER, number, true);
  writeAddress(command, CMD_ROUTE_DESTINATION, { family, bytes: new Uint8Array(16) });
  if (gateway) writeAddress(command, CMD_ROUTE_VIA, gateway);
  return command;
}
