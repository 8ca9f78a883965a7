// SPDX-License-Identifier: MIT
// host_address - whether an interface can have an address

import { NetError } from '../errors.ts';
import { type Cidr, formatCidr } from '../util/address.ts';

/**
 * Refuses an address that no host can have: of a group, of a whole network or everybody on it, of nobody.
 *
 * @param action - First half of the error's message.
 * @param cidr - The address.
 * @throws {NetError} EINVAL.
 */
export function checkHost(action: string, cidr: Cidr): void {
  const { family, bytes } = cidr.address;
  const [head = 0] = bytes;
  const hosts = 2 ** (32 - cidr.prefix) - 1;
  const host = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) % (hosts + 1);
  const isHost =
    family === 4
      ? head > 0 && head < 224 && (hosts < 3 || (host > 0 && host < hosts))
      : head !== 255 && bytes.some((byte) => byte !== 0);
  if (isHost) return;
  const reason = `${formatCidr(cidr)} must be the address of one host`;
  throw new NetError('EINVAL', action, { reason });
}
