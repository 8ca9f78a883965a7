// SPDX-License-Identifier: MIT
// tcp_options - the options of connections and listeners, checked, as a command to C

import {
  CMD_OPEN,
  CMD_SOCKET_KEEPALIVE,
  CMD_SOCKET_KIND,
  CMD_SOCKET_NODELAY,
  CMD_SOCKET_RX_MAX,
  CMD_SOCKET_SIZE,
  CMD_SOCKET_TX_MAX,
} from '../abi.ts';
import type { TcpConnectOptions, TcpListenOptions, TcpOptions } from '../api/tcp.ts';
import { type Command, newCommand } from '../control/commands.ts';
import {
  any,
  checkOptions,
  checkValue,
  flag,
  INT32_MAX,
  type Rule,
  type Rules,
  range,
  text,
  whole,
} from '../util/check.ts';

const KIB = 1024;
const BUFFER = 512 * KIB;
const BUFFER_MOST = 16 * KIB * KIB;
const RECEIVE_LEAST = 64 * KIB;
const SEND_LEAST = 4 * KIB;
/** Linux's default idle time before keep-alive probes, ms. */
const KEEPALIVE_IDLE = 7_200_000;

/** A buffer size; smaller ones are rounded up to the least that works. */
export const bufferRule = range(1, BUFFER_MOST, ' bytes');
const ms = range(0, INT32_MAX, ' ms');

/** A keepAlive: ms, or whether there are probes at all. */
const keepAliveRule: Rule = (value) => {
  const needed = typeof value === 'boolean' ? undefined : ms(value);
  return needed && `true, false, or ${needed}`;
};

const TCP: Rules<TcpOptions> = {
  noDelay: flag,
  keepAlive: keepAliveRule,
  receiveBuffer: bufferRule,
  sendBuffer: bufferRule,
};

const CONNECT: Rules<TcpConnectOptions> = {
  host: text,
  port: whole(1, 65535),
  ...TCP,
  localAddress: text,
  localPort: whole(0, 65535),
  timeout: ms,
  signal: any,
};

const LISTEN: Rules<TcpListenOptions> = {
  host: text,
  port: whole(0, 65535),
  ...TCP,
  backlog: whole(1, 65535),
};

/**
 * Refuses bad options of connectTcp().
 *
 * @param options - Options of the program.
 * @throws {NetError} EINVAL.
 */
export function checkConnect(options: TcpConnectOptions): void {
  checkOptions('Cannot connect', options, CONNECT, ['host', 'port']);
}

/**
 * Refuses bad options of listenTcp().
 *
 * @param options - Options of the program.
 * @throws {NetError} EINVAL.
 */
export function checkListen(options: TcpListenOptions): void {
  checkOptions('Cannot listen', options, LISTEN, ['port']);
}

/** Defaults of a stack for its connections. */
export interface BufferDefaults {
  readonly receiveBuffer?: number | undefined;
  readonly sendBuffer?: number | undefined;
}

/** A buffer size as C wants it: a power of two in bounds. */
function bufferSize(size: number, least: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(size, least)));
}

/**
 * Makes the command of a connection or a listener, with the options that both have.
 *
 * @param kind - SOCK_TCP or SOCK_TCP_LISTENER.
 * @param options - Checked.
 * @param defaults - Buffer sizes where options has none.
 * @returns The command, without addresses.
 * @throws Never.
 */
export function socketCommand(
  kind: number,
  options: TcpOptions,
  defaults: BufferDefaults,
): Command {
  const command = newCommand(CMD_OPEN, 0, CMD_SOCKET_SIZE);
  command.setUint32(CMD_SOCKET_KIND, kind, true);
  const rx = options.receiveBuffer ?? defaults.receiveBuffer ?? BUFFER;
  const tx = options.sendBuffer ?? defaults.sendBuffer ?? BUFFER;
  command.setUint32(CMD_SOCKET_RX_MAX, bufferSize(rx, RECEIVE_LEAST), true);
  command.setUint32(CMD_SOCKET_TX_MAX, bufferSize(tx, SEND_LEAST), true);
  command.setUint32(CMD_SOCKET_NODELAY, options.noDelay === false ? 0 : 1, true);
  command.setUint32(CMD_SOCKET_KEEPALIVE, keepAliveMs(options.keepAlive), true);
  return command;
}

/**
 * The ms of a keepAlive option.
 *
 * @param value - ms, true for the usual two hours, false or 0 for none.
 * @returns ms, 0: none.
 * @throws {NetError} EINVAL.
 */
export function keepAliveMs(value: number | boolean | undefined): number {
  if (value === true) return KEEPALIVE_IDLE;
  if (!value && !Number.isNaN(value)) return 0;
  checkValue('Cannot use a connection', 'keepAlive', value, keepAliveRule);
  return Math.max(1, Math.floor(value as number));
}
