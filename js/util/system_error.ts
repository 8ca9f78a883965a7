// SPDX-License-Identifier: MIT
// system_error - the NetError for an error of the operating system

import { ERROR_REASONS, NetError, type NetErrorCode } from '../errors.ts';

/** Codes of the system that NetError does not have, and those that stand for them. */
const ALIASES: Readonly<Record<string, NetErrorCode>> = {
  EAI_AGAIN: 'ENOTFOUND',
  ENETDOWN: 'ENETUNREACH',
  ENFILE: 'EMFILE',
  ENOTDIR: 'ENOENT',
};

/**
 * The error to throw for one of the system. Most of our codes are those of the system.
 *
 * @param error - Error of the runtime.
 * @param action - First half of the message.
 * @param otherwise - Code for an error that none of our codes fits.
 * @param help - Added to the reason. @default nothing
 * @returns The error; a NetError as it is.
 * @throws Never.
 */
export function netErrorOf(
  error: unknown,
  action: string,
  otherwise: NetErrorCode = 'ECONNRESET',
  help = '',
): NetError {
  if (error instanceof NetError) return error;
  const { code = '', message = String(error) } = (error ?? {}) as {
    code?: unknown;
    message?: string;
  };
  const name = Object.hasOwn(ALIASES, String(code)) ? ALIASES[String(code)] : String(code);
  const isKnown = Object.hasOwn(ERROR_REASONS, name as string);
  const known = isKnown ? (name as NetErrorCode) : otherwise;
  const reason = isKnown ? ERROR_REASONS[known] : message;
  return new NetError(known, action, { reason: reason + help, cause: error });
}
