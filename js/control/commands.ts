// SPDX-License-Identifier: MIT
// commands - commands as records of core/abi.h, and the addresses in them; twin: core/channel.h

import {
  ADDR_FAMILY,
  ADDR_PORT,
  ADDR_PREFIX,
  ADDR_SIZE,
  ADDR_ZONE,
  CMD_HANDLE,
  CMD_OP,
  CMD_SIZE,
  CMD_VALUE,
} from '../abi.ts';
import type { IpAddress } from '../util/address.ts';

/** A command to be filled in: one DataView of its own. */
export type Command = DataView<ArrayBuffer>;

/** Makes a command; size: that of its struct. */
export function newCommand(op: number, handle = 0, size: number = CMD_SIZE, value = 0): Command {
  const command = new DataView(new ArrayBuffer(size));
  command.setUint32(CMD_OP, op, true);
  command.setUint32(CMD_HANDLE, handle, true);
  command.setUint32(CMD_VALUE, value, true);
  return command;
}

/** Writes an address into a command. */
export function writeAddress(
  to: DataView,
  at: number,
  address: IpAddress,
  port = 0,
  prefix = 0,
  zone = 0,
): void {
  address.bytes.forEach((byte, i) => {
    to.setUint8(at + i, byte);
  });
  to.setUint16(at + ADDR_PORT, port, true);
  to.setUint8(at + ADDR_FAMILY, address.family);
  to.setUint8(at + ADDR_PREFIX, prefix);
  to.setUint32(at + ADDR_ZONE, zone, true);
}

/** Reads an address of the arena. */
export function readAddress(from: DataView, at: number): { address: IpAddress; port: number } {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = from.getUint8(at + i);
  const family = from.getUint8(at + ADDR_FAMILY) === 4 ? 4 : 6;
  return { address: { family, bytes }, port: from.getUint16(at + ADDR_PORT, true) };
}

/** Offset of the n-th of several addresses in a command. */
export function addressAt(first: number, n: number): number {
  return first + n * ADDR_SIZE;
}
