// SPDX-License-Identifier: MIT
// system_error - the NetError for an error of the operating system

import { ERROR_REASONS, NetError, type NetErrorCode } from '../errors.ts';

/** Codes that NetError does not have, and those that stand for them. */
const ALIASES: Readonly<Record<string, NetErrorCode>> = {
  EAI_AGAIN: 'ENOTFOUND',
  ENFILE: 'EMFILE',
  ENOTDIR: 'ENOENT',
};

/** Reads the code of an error as one of ours; undefined: we have none for it. */
function codeOf(code: string): NetErrorCode | undefined {
  return ALIASES[code] ?? (Object.hasOwn(ERROR_REASONS, code) ? (code as NetErrorCode) : undefined);
}

/**
 * The error to throw for one of the system. Most of our codes are those of the system.
 *
 * @param error - The error of the runtime.
 * @param action - First half of the message.
 * @param otherwise - The code for an error that none of our codes fits.
 * @returns The error; a NetError as it is.
 * @throws Never.
 */
export function netErrorOf(
  error: unknown,
  action: string,
  otherwise: NetErrorCode = 'ECONNRESET',
): NetError {
  if (error instanceof NetError) return error;
  const { code = '', message = String(error) } = (error ?? {}) as {
    code?: unknown;
    message?: string;
  };
  const known = codeOf(String(code));
  if (known) return new NetError(known, action, { cause: error });
  return new NetError(otherwise, action, { reason: message, cause: error });
}
