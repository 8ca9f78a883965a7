// SPDX-License-Identifier: MIT
// membership - joins multicast groups and leaves them; twin: core/sock/dgram.c

import {
  CMD_GROUP_GROUP,
  CMD_GROUP_IFACE,
  CMD_GROUP_SIZE,
  CMD_GROUP_SOURCE,
  CMD_JOIN,
} from '../abi.ts';
import type { NetworkInterface } from '../api/interface.ts';
import { newCommand, writeAddress } from '../control/commands.ts';
import { atCaller } from '../errors.ts';
import type { DatagramEnds } from './datagram_ends.ts';
import type { Names } from './names.ts';

/**
 * Joins a group, or leaves it.
 *
 * @param ends - Of the socket.
 * @param names - Of the stack.
 * @param op - CMD_JOIN or CMD_LEAVE.
 * @param group - Multicast address.
 * @param options - Interface, and source.
 * @throws {NetError} EINVAL, ENODEV, EADDRINUSE, EADDRNOTAVAIL, or why the socket is closed.
 */
export async function member(
  ends: DatagramEnds,
  names: Names,
  op: number,
  group: string,
  options: { interface?: NetworkInterface; source?: string },
): Promise<void> {
  const action = op === CMD_JOIN ? 'Cannot join' : 'Cannot leave';
  if (ends.gone) throw atCaller(ends.gone);
  const address = names.address(group, action);
  const command = newCommand(op, ends.handle, CMD_GROUP_SIZE);
  writeAddress(command, CMD_GROUP_GROUP, address);
  const { interface: through, source } = options;
  if (source !== undefined) {
    writeAddress(command, CMD_GROUP_SOURCE, names.address(source, `${action} ${group} from`));
  }
  const zone = names.zoneHandle(address);
  command.setUint32(CMD_GROUP_IFACE, through ? names.handle(through) : zone, true);
  await ends.channel.call(command, `${action} ${group}`, () => {});
}
