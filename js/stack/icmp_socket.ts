// SPDX-License-Identifier: MIT
// icmp_socket - ICMP and ICMPv6 sockets as the public objects; twin: core/sock/icmp.c

import {
  CMD_OPEN,
  CMD_SOCKET_FLAGS,
  CMD_SOCKET_IFACE,
  CMD_SOCKET_KIND,
  CMD_SOCKET_LOCAL,
  CMD_SOCKET_MULTICAST_TTL,
  CMD_SOCKET_RX_MAX,
  CMD_SOCKET_SIZE,
  CMD_SOCKET_TTL,
  CMD_SOCKET_TX_MAX,
  DGRAM_BROADCAST,
  DGRAM_TRANSPARENT,
  ICMP_MOST,
  OPTION_TTL,
  SOCK_ICMP,
  SOCK_ICMP6,
} from '../abi.ts';
import type { IcmpMessage, IcmpSocket, IcmpSocketOptions } from '../api/icmp.ts';
import type { Channel } from '../control/channel.ts';
import { newCommand, writeAddress } from '../control/commands.ts';
import { atCaller, NetError } from '../errors.ts';
import { handlePipes, iterate } from '../streams.ts';
import { type IpAddress, parseIp } from '../util/address.ts';
import { bytesOf } from '../util/bytes.ts';
import { any, checkOptions, checkValue, flag, type Rules, text } from '../util/check.ts';
import { showAs } from '../util/inspect.ts';
import { DatagramEnds } from './datagram_ends.ts';
import { familyRule, TTL, ttlRule } from './datagram_rules.ts';
import { DatagramSocketBase } from './datagram_socket.ts';
import type { Names } from './names.ts';
import { closeWhenAborted } from './signal.ts';

const BUFFER = 256 * 1024;
const CLOSED = 'icmp socket closed';

const OPTIONS: Rules<IcmpSocketOptions> = {
  family: familyRule,
  host: text,
  transparent: flag,
  interface: any,
  ttl: ttlRule,
  signal: any,
};

/** The settings of an ICMP socket of C. */
export interface IcmpPlan {
  readonly family: 4 | 6;
  /** Identifier of its echoes; 0: it receives every message. */
  readonly identifier: number;
  readonly ttl: number;
  readonly local?: IpAddress | undefined;
  /** Handle of an interface, or 0. */
  readonly iface?: number;
  readonly transparent?: boolean;
}

/**
 * Opens an ICMP socket of C.
 *
 * @param channel - Of the stack.
 * @param plan - Its settings.
 * @param action - For the message if it fails.
 * @returns Its ends.
 * @throws {NetError} EADDRNOTAVAIL, ENODEV, EMFILE, ENOMEM, ESHUTDOWN.
 */
export function openIcmpEnds(
  channel: Channel,
  plan: IcmpPlan,
  action: string,
): Promise<DatagramEnds> {
  const command = newCommand(CMD_OPEN, 0, CMD_SOCKET_SIZE);
  const { family, identifier, ttl, local, iface = 0, transparent } = plan;
  command.setUint32(CMD_SOCKET_KIND, family === 4 ? SOCK_ICMP : SOCK_ICMP6, true);
  command.setUint32(CMD_SOCKET_RX_MAX, BUFFER, true);
  command.setUint32(CMD_SOCKET_TX_MAX, BUFFER, true);
  command.setUint32(CMD_SOCKET_TTL, ttl, true);
  command.setUint32(CMD_SOCKET_MULTICAST_TTL, ttl, true);
  command.setUint32(
    CMD_SOCKET_FLAGS,
    DGRAM_BROADCAST | (transparent ? DGRAM_TRANSPARENT : 0),
    true,
  );
  command.setUint32(CMD_SOCKET_IFACE, iface, true);
  writeAddress(
    command,
    CMD_SOCKET_LOCAL,
    local ?? parseIp(family === 4 ? '0.0.0.0' : '::'),
    identifier,
  );
  return channel.call(command, action, (made) => new DatagramEnds(channel, made));
}

/** A socket for raw messages. */
class Socket extends DatagramSocketBase implements IcmpSocket {
  readonly family: 4 | 6;
  readonly readable: ReadableStream<IcmpMessage>;
  readonly writable: WritableStream<IcmpMessage>;
  readonly #transparent: boolean;
  #ttl: number;

  constructor(ends: DatagramEnds, names: Names, plan: IcmpPlan) {
    super(ends, names, CLOSED);
    const { family, ttl, transparent = false } = plan;
    this.#transparent = transparent;
    this.family = family;
    this.#ttl = ttl;
    this.readable = handlePipes(
      new ReadableStream<IcmpMessage>(
        {
          pull: async (controller) => {
            const message = await this.#next();
            if (message) controller.enqueue(message);
            else controller.close();
          },
          cancel: () => this.close(),
        },
        { highWaterMark: 0 },
      ),
    );
    this.writable = new WritableStream<IcmpMessage>({
      write: async (message) => {
        if (this.ends.gone) throw this.ends.gone;
        const bytes = bytesOf(message.data);
        // The failure of one message is no error of the stream.
        await this.#send(bytes, message).catch((error) => {
          if (this.ends.gone) throw error;
        });
      },
      close: () => this.close(),
      abort: () => this.ends.abort(CLOSED),
    });
  }

  get ttl(): number {
    return this.#ttl;
  }

  set ttl(value: number) {
    checkValue('Cannot use an ICMP socket', 'ttl', value, ttlRule);
    this.#ttl = value;
    this.ends.set(OPTION_TTL, value);
  }

  async #next(): Promise<IcmpMessage | undefined> {
    while (await this.ends.wait()) {
      const length = this.ends.peek();
      if (length < 0) continue;
      const { host, zone } = this.ends.record.sender;
      const { iface, ttl } = this.ends.record;
      const message: IcmpMessage = {
        host: zone ? `${host}%${this.names.zoneOf(zone)}` : host,
        data: this.ends.copy(length),
        local: this.ends.record.receiver.address,
        ttl,
      };
      const through = this.names.interfaceOf(iface);
      if (through) message.interface = through;
      this.ends.release();
      this.ends.next();
      return message;
    }
    return undefined;
  }

  async receive(): Promise<IcmpMessage> {
    const message = await this.#next();
    if (message) return message;
    throw atCaller(this.ends.gone ?? new NetError('ESHUTDOWN', 'Cannot receive'));
  }

  async send(data: Uint8Array, host: string): Promise<void> {
    await this.#send(bytesOf(data), { host });
  }

  async #send(bytes: Uint8Array, message: Omit<IcmpMessage, 'data'>): Promise<void> {
    const { host, local, ttl } = message;
    const through = message.interface;
    const action = 'Cannot send an ICMP message';
    checkValue(action, 'host', host, text);
    if (ttl !== undefined) checkValue(action, 'ttl', ttl, ttlRule);
    if (bytes.length < 4 || bytes.length > ICMP_MOST) {
      const code = bytes.length < 4 ? 'EINVAL' : 'EMSGSIZE';
      throw new NetError(code, `${action} of ${bytes.length} bytes`, {
        reason: `must be from 4 to ${ICMP_MOST}`,
      });
    }
    const to = await this.names.resolve(host, this.family);
    if (to.family !== this.family) {
      throw new NetError('EINVAL', `${action} to ${host}`, {
        reason: `must be an IPv${this.family} address`,
      });
    }
    const source = local === undefined ? undefined : this.names.address(local, 'Cannot send from');
    await this.ends.send(bytes, {
      to,
      zone: this.names.zoneHandle(to),
      from: source && (this.#transparent || this.names.isOwn(source)) ? source : undefined,
      iface: through ? this.names.handle(through) : 0,
      ...(ttl !== undefined && { ttl }),
    });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<IcmpMessage> {
    return iterate<IcmpMessage>(this.readable);
  }

  toJSON(): object {
    return { type: 'icmp', family: this.family, isOpen: !this.ends.gone };
  }
}
showAs(Socket, 'IcmpSocket');

/**
 * Opens a socket for raw messages.
 *
 * @param channel - Of the stack.
 * @param options - Family and settings.
 * @param names - Names and interfaces of the stack.
 * @returns The socket.
 * @throws {NetError} EINVAL, EADDRNOTAVAIL, ENODEV, EMFILE, ENOMEM, ESHUTDOWN; or the signal's reason.
 */
export async function openIcmp(
  channel: Channel,
  options: IcmpSocketOptions,
  names: Names,
): Promise<IcmpSocket> {
  const action = 'Cannot open an ICMP socket';
  checkOptions(action, options, OPTIONS);
  const { family = 4, host, signal, ttl = TTL, interface: through } = options;
  signal?.throwIfAborted();
  const local = host === undefined ? undefined : names.address(host, 'Cannot bind to');
  const iface = through ? names.handle(through) : 0;
  const { transparent = false } = options;
  const plan = { family, identifier: 0, ttl, local, iface, transparent };
  const ends = await openIcmpEnds(channel, plan, action);
  return closeWhenAborted(new Socket(ends, names, plan), signal);
}
