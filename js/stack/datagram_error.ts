// SPDX-License-Identifier: MIT
// datagram_error - why a datagram that was sent did not arrive

import { ABI_EMSGSIZE } from '../abi.ts';
import { NetError, netErrorFromCode } from '../errors.ts';

/**
 * Makes the error of a datagram that did not arrive.
 *
 * @param code - A code of core/abi.h.
 * @param pathMtu - Largest packet of the path, bytes with headers; undefined: not known.
 * @returns The error.
 * @throws Never.
 */
export function deliveryError(code: number, pathMtu: number | undefined): NetError {
  const action = 'Cannot reach the other end';
  if (code !== ABI_EMSGSIZE || !pathMtu) return netErrorFromCode(code, action);
  return new NetError('EMSGSIZE', action, {
    reason: `its path takes packets of at most ${pathMtu} bytes, headers included`,
  });
}
