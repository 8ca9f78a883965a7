// SPDX-License-Identifier: MIT
// udp_open - opens UDP sockets; twin: core/sock/dgram.c

import {
  ADDR_PORT,
  CMD_OPEN,
  CMD_SOCKET_FLAGS,
  CMD_SOCKET_IFACE,
  CMD_SOCKET_KIND,
  CMD_SOCKET_LOCAL,
  CMD_SOCKET_MULTICAST_TTL,
  CMD_SOCKET_REMOTE,
  CMD_SOCKET_RX_MAX,
  CMD_SOCKET_SIZE,
  CMD_SOCKET_TTL,
  CMD_SOCKET_TX_MAX,
  DGRAM_BROADCAST,
  DGRAM_DONT_FRAGMENT,
  DGRAM_MULTICAST_LOOP,
  DGRAM_REUSE,
  DGRAM_TRANSPARENT,
  SOCK_UDP,
} from '../abi.ts';
import type { UdpSocket, UdpSocketOptions } from '../api/udp.ts';
import type { Channel } from '../control/channel.ts';
import { newCommand, writeAddress } from '../control/commands.ts';
import { atCaller } from '../errors.ts';
import { formatEndpoint, type IpAddress, parseIp } from '../util/address.ts';
import { any, checkOptions, flag, type Rules, range, text, whole } from '../util/check.ts';
import { DatagramEnds } from './datagram_ends.ts';
import { TTL, ttlRule } from './datagram_rules.ts';
import type { Names } from './names.ts';
import { closeWhenAborted } from './signal.ts';
import { ADDRESS, Socket } from './udp_socket.ts';

const KIB = 1024;
const MULTICAST_TTL = 1;
const BUFFER = 256 * KIB;
const BUFFER_LEAST = 2 * KIB;
const BUFFER_MOST = 16 * KIB * KIB;

const buffer = range(1, BUFFER_MOST, ' bytes');

const OPTIONS: Rules<UdpSocketOptions> = {
  host: text,
  port: whole(0, 65535),
  remote: any,
  interface: any,
  reuseAddress: flag,
  ipv6Only: flag,
  broadcast: flag,
  ttl: ttlRule,
  multicastTtl: whole(0, 255),
  multicastLoopback: flag,
  dontFragment: flag,
  transparent: flag,
  receiveBuffer: buffer,
  sendBuffer: buffer,
  signal: any,
};

/** A buffer size as C wants it. */
const bufferSize = (size: number): number =>
  2 ** Math.ceil(Math.log2(Math.max(size, BUFFER_LEAST)));

/** Whether a socket bound to an address is for both families. */
const isDual = (address: IpAddress | undefined, options: UdpSocketOptions): boolean =>
  (!address || (address.family === 6 && address.bytes.every((byte) => byte === 0))) &&
  !options.ipv6Only;

/** The command that opens a socket. */
function openCommand(options: UdpSocketOptions, address: IpAddress | undefined, names: Names) {
  const command = newCommand(CMD_OPEN, 0, CMD_SOCKET_SIZE);
  const { port = 0, interface: through } = options;
  const bit = (isSet: boolean, value: number): number => (isSet ? value : 0);
  command.setUint32(CMD_SOCKET_KIND, SOCK_UDP, true);
  command.setUint32(CMD_SOCKET_RX_MAX, bufferSize(options.receiveBuffer ?? BUFFER), true);
  command.setUint32(CMD_SOCKET_TX_MAX, bufferSize(options.sendBuffer ?? BUFFER), true);
  command.setUint32(CMD_SOCKET_TTL, options.ttl ?? TTL, true);
  command.setUint32(CMD_SOCKET_MULTICAST_TTL, options.multicastTtl ?? MULTICAST_TTL, true);
  command.setUint32(
    CMD_SOCKET_FLAGS,
    bit(options.reuseAddress ?? false, DGRAM_REUSE) |
      bit(options.broadcast ?? true, DGRAM_BROADCAST) |
      bit(options.multicastLoopback ?? true, DGRAM_MULTICAST_LOOP) |
      bit(options.dontFragment ?? false, DGRAM_DONT_FRAGMENT) |
      bit(options.transparent ?? false, DGRAM_TRANSPARENT),
    true,
  );
  const local = isDual(address, options) ? undefined : (address ?? parseIp('::'));
  if (local) writeAddress(command, CMD_SOCKET_LOCAL, local, port);
  else command.setUint16(CMD_SOCKET_LOCAL + ADDR_PORT, port, true);
  const zone = names.zoneHandle(local);
  command.setUint32(CMD_SOCKET_IFACE, through ? names.handle(through) : zone, true);
  return command;
}

/**
 * Opens a UDP socket.
 *
 * @param channel - Of the stack.
 * @param options - Address, port and settings.
 * @param names - Names and interfaces of the stack.
 * @returns The socket.
 * @throws {NetError} EINVAL, EADDRINUSE, EADDRNOTAVAIL, EHOSTUNREACH, ENODEV, ENOTFOUND, EMFILE, ENOMEM, ESHUTDOWN; or the
 *   signal's reason.
 */
export async function openUdp(
  channel: Channel,
  options: UdpSocketOptions,
  names: Names,
): Promise<UdpSocket> {
  checkOptions('Cannot open a UDP socket', options, OPTIONS);
  const { host, remote, signal } = options;
  signal?.throwIfAborted();
  const local = host === undefined ? undefined : await names.resolve(host, undefined, signal);
  const command = openCommand(options, local, names);
  let action = `Cannot open a UDP socket on port ${options.port ?? 0}`;
  if (remote) {
    checkOptions('Cannot connect a UDP socket', remote, ADDRESS, ['host', 'port']);
    const family = isDual(local, options) ? undefined : (local?.family ?? 6);
    const address = await names.resolve(remote.host, family, signal);
    const zone = names.zoneHandle(address);
    writeAddress(command, CMD_SOCKET_REMOTE, address, remote.port, 0, zone);
    action = `Cannot connect a UDP socket to ${formatEndpoint(address, remote.port)}`;
  }
  try {
    const made = channel.call(command, action, (made) => {
      const { ttl = TTL, multicastTtl = MULTICAST_TTL, transparent = false } = options;
      const settings = { ttl, multicastTtl, unsent: 0, transparent };
      return new Socket(new DatagramEnds(channel, made), names, settings);
    });
    return await closeWhenAborted(await made, signal);
  } catch (error) {
    throw atCaller(error);
  }
}
