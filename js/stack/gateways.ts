// SPDX-License-Identifier: MIT
// gateways - gateways of interfaces: what the program gives, and the commands that set and remove them
//
// A gateway is a route with a number of its own. An interface may be created with one, so this is not among the changes
// that are loaded on first use (js/stack/interface_changes.ts).

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
import { type IpAddress, parseIp } from '../util/address.ts';

/** Routes of this number and up are gateways of interfaces; `routes.add()` counts from 1. */
export const FIRST_GATEWAY = 2 ** 31;

/**
 * Reads what a gateway may be: at most one address of each family.
 *
 * @param action - First half of error messages.
 * @param gateway - From the program.
 * @returns The addresses.
 * @throws {NetError} EINVAL.
 */
export function readGateways(action: string, gateway: string | readonly string[]): IpAddress[] {
  const list = Array.isArray(gateway) ? (gateway as readonly string[]) : [gateway as string];
  const addresses = list.map((one) => parseIp(one));
  if (new Set(addresses.map((one) => one.family)).size !== addresses.length) {
    throw new NetError('EINVAL', `${action} with the gateways ${list.join(', ')}`, {
      reason: 'must be at most one IPv4 and one IPv6 address',
    });
  }
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
