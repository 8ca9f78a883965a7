// SPDX-License-Identifier: MIT
// plan - the addresses of a network: of the gateway, and of the guests

import { NetError } from '../errors.ts';
import { formatIp, parseCidr } from '../util/address.ts';

/** The addresses of a network. */
export interface Plan {
  /** Of the gateway. */
  readonly address: string;
  /** The same with its prefix. */
  readonly cidr: string;
  /** Of guests, the first and the last. */
  readonly range: { readonly start: string; readonly end: string };
  /** Of probes: the last of the network; undefined if there is no room. */
  readonly probe?: string;
  /** Of the gateway over IPv6. */
  readonly address6?: string;
  /** The same with its prefix. */
  readonly cidr6?: string;
}

const ACTION = 'Cannot create a network';

function ipv4(number: number): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, number);
  return formatIp({ family: 4, bytes });
}

/**
 * Plans a network.
 *
 * @param text - Its CIDR.
 * @param text6 - The one of IPv6; false: none.
 * @returns The addresses.
 * @throws NetError EINVAL if one is malformed, of another family, or too small.
 */
export function planOf(text: string, text6: string | false): Plan {
  const { address, prefix } = parseCidr(text);
  if (address.family !== 4 || prefix < 8 || prefix > 30) {
    throw new NetError('EINVAL', `${ACTION} with the cidr ${text}`, {
      reason: 'must be an IPv4 network from /8 to /30',
    });
  }
  const size = 2 ** (32 - prefix);
  const first = new DataView(address.bytes.buffer, address.bytes.byteOffset).getUint32(0);
  const base = first - (first % size);
  const gateway = ipv4(base + 1);
  const probe = prefix < 30 ? { probe: ipv4(base + size - 2) } : {};
  const last = prefix < 30 ? size - 3 : size - 2;
  const plan = {
    address: gateway,
    cidr: `${gateway}/${prefix}`,
    range: { start: ipv4(base + 2), end: ipv4(base + Math.min(last, 16_384)) },
    ...probe,
  };
  if (text6 === false) return plan;
  const six = parseCidr(text6);
  if (six.address.family !== 6 || six.prefix !== 64) {
    throw new NetError('EINVAL', `${ACTION} with the cidr6 ${text6}`, {
      reason: 'must be an IPv6 network of /64',
    });
  }
  const bytes = new Uint8Array(16);
  bytes.set(six.address.bytes.subarray(0, 8));
  bytes[15] = 1;
  const address6 = formatIp({ family: 6, bytes });
  return { ...plan, address6, cidr6: `${address6}/64` };
}
