// SPDX-License-Identifier: MIT
// connect - finds the addresses of a destination and connects a socket to one of them
//
// Theory of operation
//
// Events come in Node's order: `lookup` for each address, `connectionAttempt`, then `connect` and `ready`, or
// `connectionAttemptFailed` and the end of the socket with the error. With autoSelectFamily the addresses of a
// name are tried one after the other, IPv6 and IPv4 in turn, each for a short time (RFC 8305 without overlap).

import type { TcpConnection, TcpConnectOptions } from 'ringstack';
import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkNumber,
  checkPort,
  checkString,
} from '../checks.ts';
import {
  codeOf,
  invalidArgType,
  misuse,
  nodeError,
  type SystemError,
  systemErrorOf,
} from '../errors.ts';
import { immediate, nextTick } from '../runtime.ts';
import { reachable } from './context.ts';
import { autoSelect } from './defaults.ts';
import { isIP } from './ip.ts';
import { CONTEXT, STATE, type StatefulSocket } from './socket_types.ts';

/** The part of AbortSignal that connectTcp() uses; a real one costs more than a connection. */
class Abort {
  aborted = false;
  reason: unknown;
  #listener: (() => void) | undefined;

  addEventListener(_type: string, listener: () => void): void {
    this.#listener = listener;
  }

  removeEventListener(): void {
    this.#listener = undefined;
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  abort(reason: unknown): void {
    this.aborted = true;
    this.reason = reason;
    this.#listener?.();
  }
}

/** The address to connect to, and the local one to connect from. */
interface Destination {
  readonly address: string;
  readonly family: number;
  readonly port: number;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly blockList: BlockList | undefined;
}

/** The part of net.BlockList that is used. */
interface BlockList {
  check(address: string, family: 'ipv4' | 'ipv6'): boolean;
}

/** Carries the error of an address that a block list has. */
class Blocked {
  readonly error: SystemError;

  constructor(address: string) {
    const text = `IP(${address}) is blocked by net.BlockList`;
    this.error = nodeError(Error, 'ERR_IP_BLOCKED', text) as SystemError;
  }
}

/** The rest of a lookup: options of a connect(). */
export type ConnectInit = Record<string, unknown>;

/** The error of a try that failed. */
function failure(error: unknown, to: Destination): SystemError {
  const { address, port, localAddress, localPort } = to;
  const code = codeOf(error);
  // The system refuses an address of our side before it connects.
  if (localAddress !== undefined && (code === 'EADDRNOTAVAIL' || code === 'EINVAL')) {
    const at = { syscall: 'bind', address: localAddress, port: localPort };
    return systemErrorOf(error, at);
  }
  const local = localPort
    ? `${localAddress ?? (to.family === 4 ? '0.0.0.0' : '::')}:${localPort}`
    : undefined;
  const found = systemErrorOf(error, { syscall: 'connect', address, port, local });
  return local ? Object.assign(found, { localAddress, localPort }) : found;
}

/** Makes one try; done is called once, unless the socket gives it up. */
function tryAddress(
  socket: StatefulSocket,
  to: Destination,
  done: (error: SystemError | undefined, connection?: TcpConnection) => void,
): void {
  const state = socket[STATE];
  const signal = new Abort();
  const attempt = { abort: () => signal.abort(new Error('the socket gave it up')) };
  state.attempt = attempt;
  const options: TcpConnectOptions = {
    host: reachable(to.address),
    port: to.port,
    signal: signal as unknown as AbortSignal,
    ...(to.localAddress !== undefined && { localAddress: reachable(to.localAddress) }),
    ...(to.localPort !== undefined && { localPort: to.localPort }),
    ...(state.noDelay !== undefined && { noDelay: state.noDelay }),
    ...(state.keepAlive !== undefined && { keepAlive: state.keepAlive }),
  };
  state.holder.set(true);
  socket.emit('connectionAttempt', to.address, to.port, to.family);
  const failed = (error: unknown): void => {
    if (signal.aborted || state.attempt !== attempt) return;
    state.attempt = undefined;
    const what = error instanceof Blocked ? error.error : failure(error, to);
    socket.emit('connectionAttemptFailed', to.address, to.port, to.family, what);
    done(what);
  };
  socket[CONTEXT].withStack(
    async (stack) => {
      if (signal.aborted) return;
      if (to.blockList?.check(to.address, to.family === 6 ? 'ipv6' : 'ipv4')) {
        throw new Blocked(to.address);
      }
      // Nothing ever listens there.
      if (to.port === 0) throw Object.assign(new Error('port 0'), { code: 'ECONNREFUSED' });
      const connection = await stack.connectTcp(options);
      if (signal.aborted || state.attempt !== attempt) {
        connection.abort();
        return;
      }
      state.attempt = undefined;
      immediate(() => {
        if (socket.destroyed || !socket.connecting) connection.abort();
        else done(undefined, connection);
      });
    },
    (error) => immediate(() => failed(error)),
  );
}

/** The socket has a connection. */
type Opened = (connection: TcpConnection, to: Destination) => void;

/** Connects to one address. */
function connectOne(socket: StatefulSocket, to: Destination, opened: Opened): void {
  tryAddress(socket, to, (error, connection) => {
    if (connection) opened(connection, to);
    else socket.destroy(error);
  });
}

/** AggregateError with the code of its first error. */
function allFailed(errors: readonly SystemError[]): Error {
  const error = new AggregateError(errors);
  return Object.assign(error, { code: errors[0]?.code });
}

/** Connects to the first of several addresses that answers in time. */
function connectAny(
  socket: StatefulSocket,
  all: readonly Destination[],
  timeout: number,
  opened: Opened,
): void {
  const errors: SystemError[] = [];
  const tried: string[] = [];
  socket.autoSelectFamilyAttemptedAddresses = tried;
  const next = (index: number): void => {
    const to = all[index];
    if (!to || !socket.connecting) {
      if (!socket.connecting) return;
      socket.destroy(errors.length === 0 ? misuse.attemptTimeout() : allFailed(errors));
      return;
    }
    tried.push(`${to.address}:${to.port}`);
    let timer: ReturnType<typeof setTimeout> | undefined;
    tryAddress(socket, to, (error, connection) => {
      clearTimeout(timer);
      if (connection) {
        opened(connection, to);
        return;
      }
      if (error) errors.push(error);
      next(index + 1);
    });
    if (index === all.length - 1) return;
    const attempt = socket[STATE].attempt;
    timer = setTimeout(() => {
      if (socket[STATE].attempt !== attempt || !attempt) return;
      socket[STATE].attempt = undefined;
      attempt.abort();
      socket.emit('connectionAttemptTimeout', to.address, to.port, to.family);
      errors.push(failure({ code: 'ETIMEDOUT' }, to));
      next(index + 1);
    }, timeout);
  };
  next(0);
}

/** IPv6 and IPv4 in turn, beginning with the family of the first. */
function interleaved<T extends { family: number }>(all: readonly T[]): T[] {
  const first = all.filter(({ family }) => family === all[0]?.family);
  const second = all.filter(({ family }) => family !== all[0]?.family);
  const result: T[] = [];
  for (let at = 0; at < Math.max(first.length, second.length); at++) {
    const [one, other] = [first[at], second[at]];
    if (one) result.push(one);
    if (other) result.push(other);
  }
  return result;
}

interface LookupResult {
  address: string;
  family: number;
}

/** Why an address that a lookup gave cannot be used; undefined: it can. */
function unusable(
  { address, family }: LookupResult,
  host: unknown,
  port: number,
): Error | undefined {
  if (typeof address !== 'string' || isIP(address) === 0) return misuse.badAddress(address);
  return family === 4 || family === 6 ? undefined : misuse.badFamily(family, host, port);
}

/** The options of a connect() that lookups and tries need, checked. */
function checkConnect(options: ConnectInit) {
  const { localAddress, localPort, port } = options;
  if (localAddress != null && localAddress !== '' && isIP(String(localAddress)) === 0) {
    throw misuse.badAddress(localAddress);
  }
  if (options['host'] != null && options['host'] !== false) {
    checkString(options['host'], 'options.host');
  }
  if (localPort != null) checkNumber(localPort, 'options.localPort');
  if (typeof port !== 'number' && typeof port !== 'string') {
    throw invalidArgType('options.port', ['number', 'string'], port);
  }
  const { autoSelectFamily, autoSelectFamilyAttemptTimeout: timeout } = options;
  if (autoSelectFamily != null) checkBoolean(autoSelectFamily, 'options.autoSelectFamily');
  if (timeout != null) {
    checkInteger(timeout, 'options.autoSelectFamilyAttemptTimeout', 1, 2 ** 31 - 1);
  }
  return {
    host: (options['host'] || 'localhost') as string,
    port: checkPort(port) | 0,
    localAddress: (localAddress || undefined) as string | undefined,
    localPort: (localPort || undefined) as number | undefined,
    isAny: (autoSelectFamily ?? autoSelect.isDefault) as boolean,
    timeout: Math.max(10, (timeout ?? autoSelect.timeout) as number),
  };
}

/** A connect() that waits for the addresses of its host. */
interface Pending {
  readonly socket: StatefulSocket;
  readonly options: ConnectInit;
  readonly host: string;
  readonly port: number;
  /** Of each try, ms. */
  readonly timeout: number;
  readonly to: (found: LookupResult) => Destination;
  readonly opened: Opened;
}

/** Destroys a socket behind the callback of its lookup. */
function fail(socket: StatefulSocket, error: Error): void {
  nextTick(() => void socket.destroy(error));
}

/** Connects to the first address of a host that answers; destroys the socket if the lookup failed. */
function foundAll(pending: Pending, error: Error | null, found: readonly LookupResult[]): void {
  const { socket, options, host, port, timeout, to, opened } = pending;
  if (!socket.connecting) return;
  if (error) {
    socket.emit('lookup', error, undefined, undefined, host);
    fail(socket, error);
    return;
  }
  for (const one of found) socket.emit('lookup', null, one.address, one.family, host);
  if (!socket.connecting) return;
  const good = found.filter((one) => !unusable(one, options['host'], port)).map(to);
  const [only] = good;
  socket._unrefTimer();
  if (only === undefined) {
    const [first = { address: '', family: 0 }] = found;
    fail(socket, unusable(first, options['host'], port) as Error);
  } else if (good.length === 1) connectOne(socket, only, opened);
  else connectAny(socket, interleaved(good), timeout, opened);
}

/** Connects to the one address that a lookup gave; destroys the socket if the lookup failed. */
function foundOne(pending: Pending, error: Error | null, found: LookupResult): void {
  const { socket, options, host, port, to, opened } = pending;
  socket.emit('lookup', error, found.address, found.family, host);
  if (!socket.connecting) return;
  const wrong = error ?? unusable(found, options['host'], port);
  if (wrong) {
    fail(socket, wrong);
    return;
  }
  socket._unrefTimer();
  connectOne(socket, to(found), opened);
}

/**
 * Connects a socket.
 *
 * @param socket - A socket that is `connecting`.
 * @param options - Of connect(); host, port, family, lookup and others.
 * @param opened - Called with the connection; otherwise the socket is destroyed.
 * @throws Node's errors of wrong options.
 */
export function lookupAndConnect(
  socket: StatefulSocket,
  options: ConnectInit,
  opened: Opened,
): void {
  const { host, port, localAddress, localPort, isAny, timeout } = checkConnect(options);
  const to = ({ address, family }: LookupResult): Destination => ({
    address,
    family,
    port,
    localAddress,
    localPort,
    blockList: options['blockList'] as BlockList | undefined,
  });
  const direct = isIP(host);
  if (direct !== 0) {
    nextTick(() => {
      if (socket.connecting) connectOne(socket, to({ address: host, family: direct }), opened);
    });
    return;
  }
  const { lookup: own, hints } = options;
  if (own != null) checkFunction(own, 'options.lookup');
  const family = familyOf(options['family']);
  const query = { family, hints: (hints as number) || 0, all: false };
  const lookup = (own ?? socket[CONTEXT].lookup) as (
    host: string,
    options: object,
    done: (error: Error | null, found: never, family: number) => void,
  ) => void;
  socket._host = host;
  const pending: Pending = { socket, options, host, port, timeout, to, opened };
  if (isAny && family !== 4 && family !== 6 && localAddress === undefined) {
    query.all = true;
    lookup(host, query, (error, found: LookupResult[]) => foundAll(pending, error, found));
    return;
  }
  lookup(host, query, (error, address: string, type) => {
    foundOne(pending, error, { address, family: type });
  });
}

/** The family of options: 4, 6, or 0 for any. */
function familyOf(family: unknown): number {
  if (family === 'IPv4') return 4;
  if (family === 'IPv6') return 6;
  return (family as number) || 0;
}
