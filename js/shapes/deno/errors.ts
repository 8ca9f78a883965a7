// SPDX-License-Identifier: MIT
// errors - the error classes of Deno, and which of them stands for a NetError
//
// In Deno they are its own, so that `instanceof Deno.errors.AddrInUse` holds. Messages are those of Deno on Linux; the
// NetError, which names addresses and ports, is the cause.

import { NetError } from '../../errors.ts';

const NAMES = [
  ...(['NotFound', 'PermissionDenied', 'ConnectionRefused', 'ConnectionReset'] as const),
  ...(['ConnectionAborted', 'NotConnected', 'AddrInUse', 'AddrNotAvailable'] as const),
  ...(['BrokenPipe', 'AlreadyExists', 'InvalidData', 'TimedOut', 'Interrupted'] as const),
  ...(['WriteZero', 'WouldBlock', 'UnexpectedEof', 'BadResource', 'Http', 'Busy'] as const),
  ...(['NotSupported', 'FilesystemLoop', 'IsADirectory', 'NetworkUnreachable'] as const),
  ...(['NotADirectory', 'NotCapable'] as const),
];

/** Names of the classes. */
export type DenoErrorName = (typeof NAMES)[number];

/** The classes of `Deno.errors`. */
export type DenoErrors = {
  readonly [Name in DenoErrorName]: new (
    message?: string,
    options?: ErrorOptions,
  ) => Error;
};

function makeClass(name: DenoErrorName): DenoErrors[DenoErrorName] {
  const made = class extends Error {
    constructor(message?: string, options?: ErrorOptions) {
      super(message, options);
      this.name = name;
    }
  };
  Object.defineProperty(made, 'name', { value: name });
  return made;
}

const { Deno: native } = globalThis as { Deno?: { errors?: Partial<DenoErrors> } };

/** The classes. */
export const errors = Object.fromEntries(
  NAMES.map((name) => [name, native?.errors?.[name] ?? makeClass(name)]),
) as DenoErrors;

/** For each code: class, number of the error in Linux, and its text there. */
const SYSTEM: Readonly<Record<string, readonly [DenoErrorName | undefined, number, string]>> = {
  EACCES: ['PermissionDenied', 13, 'Permission denied'],
  EADDRINUSE: ['AddrInUse', 98, 'Address already in use'],
  EADDRNOTAVAIL: ['AddrNotAvailable', 99, 'Cannot assign requested address'],
  ECONNABORTED: ['ConnectionAborted', 103, 'Software caused connection abort'],
  ECONNREFUSED: ['ConnectionRefused', 111, 'Connection refused'],
  ECONNRESET: ['ConnectionReset', 104, 'Connection reset by peer'],
  EHOSTUNREACH: [undefined, 113, 'No route to host'],
  EMFILE: [undefined, 24, 'Too many open files'],
  EMSGSIZE: [undefined, 90, 'Message too long'],
  ENETUNREACH: ['NetworkUnreachable', 101, 'Network is unreachable'],
  ENOBUFS: [undefined, 105, 'No buffer space available'],
  ENODEV: [undefined, 19, 'No such device'],
  ENOMEM: [undefined, 12, 'Cannot allocate memory'],
  EPIPE: ['BrokenPipe', 32, 'Broken pipe'],
  ETIMEDOUT: ['TimedOut', 110, 'Connection timed out'],
};

/** The same for errors that are not the system's. */
const OTHERS: Readonly<Record<string, readonly [DenoErrorName | undefined, string]>> = {
  EBADF: ['BadResource', 'Bad resource ID'],
  ENODATA: [undefined, 'failed to lookup address information: No address associated with hostname'],
  ENOTFOUND: [undefined, 'failed to lookup address information: Name or service not known'],
  ESHUTDOWN: ['BadResource', 'Bad resource ID: the stack is closed'],
};

/**
 * An error of the system as Deno throws it.
 *
 * @param code - Its code, such as EADDRINUSE.
 * @param cause - The error behind it.
 * @returns The error, with its code.
 */
export function systemError(code: string, cause?: unknown): Error {
  const [name, number, text] = SYSTEM[code] ?? [undefined, 0, code];
  const Class = name === undefined ? Error : errors[name];
  const options = cause === undefined ? undefined : { cause };
  return Object.assign(new Class(`${text} (os error ${number})`, options), { code });
}

/** The error of a call on what is closed. */
export const badResource = (message = 'Bad resource ID'): Error => new errors.BadResource(message);

/** The error of a call that close() has ended. */
export const interrupted = (): Error => new errors.Interrupted('operation canceled');

/**
 * An error as Deno throws it.
 *
 * @param error - Of a stack, or of the program.
 * @returns An error of Deno's classes for a NetError; anything else as it is.
 */
export function denoErrorOf(error: unknown): unknown {
  if (!(error instanceof NetError)) return error;
  const { code, message } = error;
  if (code in SYSTEM) return systemError(code, error);
  if (code === 'EINVAL') return new TypeError(message, { cause: error });
  if (code === 'ENOTSUP') return new errors.NotSupported(message, { cause: error });
  const [name, text] = OTHERS[code] ?? [undefined, message];
  const Class = name === undefined ? Error : errors[name];
  return Object.assign(new Class(text, { cause: error }), { code });
}
