// SPDX-License-Identifier: MIT
// icmp_error - the error of a ping that an ICMP error answers

import { NetError, type NetErrorCode } from '../errors.ts';

/**
 * An ICMP error came in place of a reply: `code` is that of a NetError. The main entry exports its type alone.
 *
 * @example
 * ```ts
 * import { createStack, type IcmpError } from 'ringstack';
 *
 * const stack = await createStack();
 * const session = await stack.createPingSession({ host: '192.0.2.1' });
 * await session.ping().catch((error: IcmpError) => {
 *   if (error.code !== 'ETIMEDOUT') console.log(`${error.from} says ${error.type}, ${error.icmpCode}`);
 * });
 * await stack.close();
 * ```
 */
export class IcmpError extends NetError {
  /** Address that sent it. */
  readonly from: string;
  /** Type of the ICMP message. */
  readonly type: number;
  /** Code of the ICMP message. */
  readonly icmpCode: number;

  /**
   * Makes the error.
   *
   * @param code - As of a NetError.
   * @param action - The call that failed.
   * @param from - Sender of the ICMP message.
   * @param type - Type of the message.
   * @param icmpCode - Code of the message.
   * @throws Never.
   */
  constructor(code: NetErrorCode, action: string, from: string, type: number, icmpCode: number) {
    super(code, action, { reason: `${from} says ICMP type ${type}, code ${icmpCode}` });
    this.from = from;
    this.type = type;
    this.icmpCode = icmpCode;
  }
}
