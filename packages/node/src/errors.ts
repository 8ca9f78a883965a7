// SPDX-License-Identifier: MIT
// errors - errors with the classes, codes, numbers and messages of Node's
//
// Two kinds: those of the system (`ECONNREFUSED`, with errno, syscall, address and port), made of the NetError
// of a stack, and those of a wrong use (`ERR_INVALID_ARG_TYPE`).

/** Numbers of Linux, and what libuv says of them in messages. */
const SYSTEM: Readonly<Record<string, readonly [errno: number, text: string]>> = {
  EACCES: [-13, 'permission denied'],
  EADDRINUSE: [-98, 'address already in use'],
  EADDRNOTAVAIL: [-99, 'address not available'],
  EAFNOSUPPORT: [-97, 'address family not supported'],
  EAGAIN: [-11, 'resource temporarily unavailable'],
  EBADF: [-9, 'bad file descriptor'],
  ECANCELED: [-125, 'operation canceled'],
  ECONNABORTED: [-103, 'software caused connection abort'],
  ECONNREFUSED: [-111, 'connection refused'],
  ECONNRESET: [-104, 'connection reset by peer'],
  EHOSTUNREACH: [-113, 'host is unreachable'],
  EINVAL: [-22, 'invalid argument'],
  EMFILE: [-24, 'too many open files'],
  EMSGSIZE: [-90, 'message too long'],
  ENETUNREACH: [-101, 'network is unreachable'],
  ENOBUFS: [-105, 'no buffer space available'],
  ENODEV: [-19, 'no such device'],
  ENOMEM: [-12, 'not enough memory'],
  ENOTCONN: [-107, 'socket is not connected'],
  ENOTFOUND: [-3008, 'unknown node or service'],
  ENOTSUP: [-95, 'operation not supported on socket'],
  EPIPE: [-32, 'broken pipe'],
  EPROTO: [-71, 'protocol error'],
  ETIMEDOUT: [-110, 'connection timed out'],
};

/** Codes of a NetError for which Node has no own. */
const ALIASES: Readonly<Record<string, string>> = {
  ESHUTDOWN: 'ENETUNREACH',
  ENODEV: 'ENETUNREACH',
  EBUSY: 'EADDRINUSE',
};

/** An error of the system, as Node makes them. */
export interface SystemError extends Error {
  errno?: number | undefined;
  code: string;
  syscall?: string;
  address?: string;
  port?: number;
}

/** The call and the addresses that an error is about. */
export interface ErrorPlace {
  readonly syscall: string;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  /** Our side, where the program chose it. */
  readonly local?: string | undefined;
  /** Says after the code what it means, as the errors of listen() and bind() do. */
  readonly isLong?: boolean;
}

/** The code of Node for an error of a stack. */
export function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  const name = typeof code === 'string' ? code : 'ECONNRESET';
  return ALIASES[name] ?? name;
}

/** An error of the system: "connect ECONNREFUSED 127.0.0.1:80". */
export function systemError(code: string, place: ErrorPlace, cause?: unknown): SystemError {
  const { syscall, address, port, local, isLong } = place;
  const known = SYSTEM[code];
  let message = `${syscall} ${code}`;
  if (isLong && known) message += `: ${known[1]}`;
  if (address !== undefined && port !== undefined && (port > 0 || isLong)) {
    message += ` ${address}:${port}`;
  } else if (address !== undefined) {
    message += ` ${address}`;
  }
  if (local) message += ` - Local (${local})`;
  const error = new Error(message) as SystemError;
  error.errno = known?.[0];
  error.code = code;
  error.syscall = syscall;
  if (address !== undefined) error.address = address;
  if (port !== undefined && (port > 0 || isLong)) error.port = port;
  if (cause !== undefined)
    Object.defineProperty(error, 'cause', {
      value: cause,
      enumerable: false,
      configurable: true,
      writable: true,
    });
  return error;
}

/** The system's error for what a stack says. */
export function systemErrorOf(error: unknown, place: ErrorPlace): SystemError {
  const { code } = (error ?? {}) as { code?: unknown };
  const isOpen = place.syscall === 'read' || place.syscall === 'write';
  const shown = code === 'ESHUTDOWN' && isOpen ? 'ECONNABORTED' : codeOf(error);
  return systemError(shown, place, error);
}

/** The number of a code, negative, as libuv has it. */
export const errnoOf = (code: string): number | undefined => SYSTEM[code]?.[0];

type ErrorClass = ErrorConstructor | TypeErrorConstructor | RangeErrorConstructor;

/** An error of a wrong use, whose stack begins "TypeError [CODE]: …". */
export function nodeError(Base: ErrorClass, code: string, message: string): Error {
  const error = new Base(message) as Error & { code: string };
  const { name } = error;
  Object.defineProperties(error, {
    message: { value: message, enumerable: false, writable: true, configurable: true },
    toString: {
      value: () => `${name} [${code}]: ${message}`,
      enumerable: false,
      writable: true,
      configurable: true,
    },
  });
  error.name = `${name} [${code}]`;
  void error.stack; // the trace takes the name of this moment
  delete (error as { name?: string }).name;
  error.code = code;
  return error;
}

/** A value as the messages of wrong types name it. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return ` Received ${value}`;
  if (typeof value === 'function') return ` Received function ${value.name}`;
  if (typeof value === 'object') {
    const name = (value as object).constructor?.name;
    return name ? ` Received an instance of ${name}` : ` Received ${String(value)}`;
  }
  const shown = typeof value === 'string' ? quoted(value) : String(value);
  const isBig = typeof value === 'bigint' ? 'n' : '';
  return ` Received type ${typeof value} (${shown}${isBig})`;
}

function quoted(text: string): string {
  const short = text.length > 28 ? `${text.slice(0, 25)}...` : text;
  return short.includes("'") ? JSON.stringify(short) : `'${short}'`;
}

const list = (words: readonly string[]): string =>
  words.length < 3
    ? words.join(' or ')
    : `${words.slice(0, -1).join(', ')}, or ${words[words.length - 1]}`;

/** ERR_INVALID_ARG_TYPE; names of classes begin with a capital. */
export function invalidArgType(name: string, expected: readonly string[], actual: unknown): Error {
  const types = expected.filter((one) => /^[a-z]/.test(one));
  const classes = expected.filter((one) => !/^[a-z]/.test(one));
  const kind = name.endsWith(' argument')
    ? name
    : `"${name}" ${name.includes('.') ? 'property' : 'argument'}`;
  const parts: string[] = [];
  if (types.length > 0)
    parts.push(`${types.length > 1 ? 'one of type' : 'of type'} ${list(types)}`);
  if (classes.length > 0) parts.push(`an instance of ${list(classes)}`);
  return nodeError(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `The ${kind} must be ${parts.join(' or ')}.${describe(actual)}`,
  );
}

/** ERR_INVALID_ARG_VALUE. */
export function invalidArgValue(name: string, shown: string, reason = 'is invalid'): Error {
  const kind = name.includes('.') ? 'property' : 'argument';
  return nodeError(
    TypeError,
    'ERR_INVALID_ARG_VALUE',
    `The ${kind} '${name}' ${reason}. Received ${shown}`,
  );
}

/** ERR_OUT_OF_RANGE. */
export function outOfRange(name: string, range: string, actual: unknown): Error {
  return nodeError(
    RangeError,
    'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${range}. Received ${String(actual)}`,
  );
}

/** ERR_MISSING_ARGS: one of these. */
export function missingArgs(...names: readonly string[]): Error {
  const text = names.map((one) => `"${one}"`).join(' or ');
  return nodeError(TypeError, 'ERR_MISSING_ARGS', `The ${text} argument must be specified`);
}

/** AbortError, as addAbortSignal() of a stream makes it. */
export function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason }) as Error & {
    code: string;
  };
  error.code = 'ABORT_ERR';
  error.name = 'AbortError';
  return error;
}

/** A wrong use of a socket or server, by its code. */
export const misuse = {
  closed: () => nodeError(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed'),
  closedBeforeConnecting: () =>
    nodeError(
      Error,
      'ERR_SOCKET_CLOSED_BEFORE_CONNECTION',
      'Socket closed before the connection was established',
    ),
  attemptTimeout: () =>
    nodeError(Error, 'ERR_SOCKET_CONNECTION_TIMEOUT', 'Socket connection timeout'),
  alreadyListening: () =>
    nodeError(
      Error,
      'ERR_SERVER_ALREADY_LISTEN',
      'Listen method has been called more than once without closing.',
    ),
  notRunning: () => nodeError(Error, 'ERR_SERVER_NOT_RUNNING', 'Server is not running.'),
  badAddress: (value: unknown) =>
    nodeError(TypeError, 'ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${value}`),
  badFamily: (family: unknown, host: unknown, port: unknown) =>
    Object.assign(
      nodeError(
        RangeError,
        'ERR_INVALID_ADDRESS_FAMILY',
        `Invalid address family: ${family} ${host}:${port}`,
      ),
      { host, port },
    ),
} as const;
