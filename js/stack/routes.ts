// SPDX-License-Identifier: MIT
// routes - `stack.routes` and `stack.neighbors`: what C's tables have, as objects
//
// A route has a number of ours, by which C replaces and removes it (core/iface/route.c). C writes the tables into a
// block of the arena, which is freed here when it has been read.

import {
  ADDR_FAMILY,
  ADDR_PREFIX,
  CMD_ROUTE,
  CMD_ROUTE_DESTINATION,
  CMD_ROUTE_METRIC,
  CMD_ROUTE_NUMBER,
  CMD_ROUTE_SIZE,
  CMD_ROUTE_VIA,
  ENTRY_DESTINATION,
  ENTRY_IFACE,
  ENTRY_METRIC,
  ENTRY_NUMBER,
  ENTRY_SIZE,
  ENTRY_VIA,
  ROUTE_ADD,
  ROUTE_LIST,
  ROUTE_LOOKUP,
  ROUTE_NEIGHBORS,
  ROUTE_REMOVE,
} from '../abi.ts';
import type { Neighbor, RouteHandle, RouteOptions, RouteSnapshot } from '../api/route.ts';
import type { Channel } from '../control/channel.ts';
import { newCommand, readAddress, writeAddress } from '../control/commands.ts';
import { NetError } from '../errors.ts';
import type { Arena } from '../memory/arena.ts';
import {
  type Cidr,
  formatCidr,
  formatIp,
  formatMac,
  type IpAddress,
  parseCidr,
  parseIp,
} from '../util/address.ts';
import { any, checkOptions, INT32_MAX, show, text, whole } from '../util/check.ts';
import { showAs } from '../util/inspect.ts';
import { FIRST_GATEWAY } from './gateways.ts';
import type { Names } from './names.ts';

/** In the order of C's numbers, from 1 (core/abi.h). */
const STATES = ['incomplete', 'reachable', 'stale', 'delay', 'probe'] as const;
const UINT32_MAX = 2 ** 32 - 1;

/** Numbers of the routes that were added, of each stack. */
const numbers = new WeakMap<Channel, number>();

interface Entry {
  readonly destination: Cidr;
  readonly via: IpAddress | undefined;
  /** The first six bytes of via. */
  readonly mac: Uint8Array;
  readonly iface: number;
  /** Of a neighbor: its state. */
  readonly metric: number;
  readonly number: number;
}

function readEntry(view: DataView, at: number): Entry {
  const { address } = readAddress(view, at + ENTRY_DESTINATION);
  const via = readAddress(view, at + ENTRY_VIA).address;
  return {
    destination: { address, prefix: view.getUint8(at + ENTRY_DESTINATION + ADDR_PREFIX) },
    via: view.getUint8(at + ENTRY_VIA + ADDR_FAMILY) === 0 ? undefined : via,
    mac: via.bytes.subarray(0, 6),
    iface: view.getUint32(at + ENTRY_IFACE, true),
    metric: view.getUint32(at + ENTRY_METRIC, true),
    number: view.getUint32(at + ENTRY_NUMBER, true),
  };
}

/** Asks C for entries. */
function readTable(
  channel: Channel,
  arena: Arena,
  action: string,
  what: number,
  address?: IpAddress,
): Promise<Entry[]> {
  const command = newCommand(CMD_ROUTE, 0, CMD_ROUTE_SIZE, what);
  if (address) writeAddress(command, CMD_ROUTE_DESTINATION, address);
  return channel.call(command, action, ({ handle, offset }) => {
    const entries = Array.from({ length: handle }, (_, i) =>
      readEntry(arena.view, offset + i * ENTRY_SIZE),
    );
    arena.free(offset);
    return entries;
  });
}

/** An address with the bits behind its prefix cleared. */
function network({ address, prefix }: Cidr): Cidr {
  const bytes = address.bytes.map(
    (byte, i) => byte & (0xff00 >>> Math.min(8, Math.max(0, prefix - 8 * i))),
  );
  return { address: { family: address.family, bytes }, prefix };
}

/** The public form of an entry; nothing, if its interface is being removed. */
function snapshot(entry: Entry, names: Names): RouteSnapshot[] {
  const iface = names.interfaceOf(entry.iface);
  if (!iface) return [];
  const { number, metric } = entry;
  const kind = number === 0 ? 'connected' : number < FIRST_GATEWAY ? 'added' : 'gateway';
  return [
    {
      destination: formatCidr(network(entry.destination)),
      via: entry.via && formatIp(entry.via),
      interface: iface,
      metric,
      kind,
    },
  ];
}

/** A route that was added. */
class Route implements RouteHandle {
  readonly destination: string;
  readonly #remove: () => Promise<void>;

  constructor(destination: string, remove: () => Promise<void>) {
    this.destination = destination;
    this.#remove = remove;
  }

  remove(): Promise<void> {
    return this.#remove();
  }

  close(): Promise<void> {
    return this.#remove();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#remove();
  }

  toJSON(): object {
    return { type: 'route', destination: this.destination };
  }
}
showAs(Route, 'RouteHandle');

function readDestination(action: string, destination: string, via?: IpAddress): Cidr {
  if (destination !== 'default') return network(parseCidr(destination));
  if (via) return { address: { family: via.family, bytes: new Uint8Array(16) }, prefix: 0 };
  throw new NetError('EINVAL', action, {
    reason: 'without via, the destination must be 0.0.0.0/0 or ::/0',
  });
}

/**
 * Adds a route.
 *
 * @param channel - Of the stack.
 * @param arena - Of the stack.
 * @param options - From the program.
 * @param names - Interfaces of the stack.
 * @returns Its handle.
 * @throws {NetError} As `routes.add()`.
 */
export async function addRoute(
  channel: Channel,
  arena: Arena,
  options: RouteOptions,
  names: Names,
): Promise<RouteHandle> {
  checkOptions<RouteOptions>(
    'Cannot add a route',
    options,
    { destination: text, via: text, interface: any, metric: whole(0, UINT32_MAX) },
    ['destination'],
  );
  const action = `Cannot add the route to ${show(options.destination)}`;
  const via = options.via === undefined ? undefined : parseIp(options.via, { zone: true });
  const cidr = readDestination(action, options.destination, via);
  if (via && via.family !== cidr.address.family) {
    const reason = `must be an IPv${cidr.address.family} address, as the destination`;
    throw new NetError('EINVAL', `${action} via ${show(options.via)}`, { reason });
  }
  let handle = options.interface ? names.handle(options.interface) : names.zoneHandle(via);
  if (handle === 0 && !via) {
    throw new NetError('EINVAL', action, { reason: 'must have via or interface' });
  }
  if (handle === 0 && via) {
    const [link] = await readTable(channel, arena, action, ROUTE_LOOKUP, via);
    if (link?.number !== 0) {
      const reason = `${formatIp(via)} is on no link`;
      throw new NetError('EHOSTUNREACH', action, { reason });
    }
    handle = link.iface;
  }
  const number = ((numbers.get(channel) ?? 0) % INT32_MAX) + 1;
  numbers.set(channel, number);
  const command = newCommand(CMD_ROUTE, handle, CMD_ROUTE_SIZE, ROUTE_ADD);
  writeAddress(command, CMD_ROUTE_DESTINATION, cidr.address, 0, cidr.prefix);
  if (via) writeAddress(command, CMD_ROUTE_VIA, via);
  command.setUint32(CMD_ROUTE_METRIC, options.metric ?? 0, true);
  command.setUint32(CMD_ROUTE_NUMBER, number, true);
  await channel.call(command, action, () => {});
  let removed: Promise<void> | undefined;
  return new Route(formatCidr(cidr), () => {
    removed ??= removeRoute(channel, number);
    return removed;
  });
}

async function removeRoute(channel: Channel, number: number): Promise<void> {
  const command = newCommand(CMD_ROUTE, 0, CMD_ROUTE_SIZE, ROUTE_REMOVE);
  command.setUint32(CMD_ROUTE_NUMBER, number, true);
  // It is gone with its stack, too.
  await channel.call(command, 'Cannot remove a route', () => {}).catch(() => {});
}

/**
 * Lists the routes of a stack.
 *
 * @param channel - Of the stack.
 * @param arena - Of the stack.
 * @param names - Interfaces of the stack.
 * @returns The routes.
 * @throws {NetError} ENOMEM, ESHUTDOWN.
 */
export async function listRoutes(
  channel: Channel,
  arena: Arena,
  names: Names,
): Promise<RouteSnapshot[]> {
  const entries = await readTable(channel, arena, 'Cannot list the routes', ROUTE_LIST);
  return entries.flatMap((entry) => snapshot(entry, names));
}

/**
 * Finds the route to an address.
 *
 * @param channel - Of the stack.
 * @param arena - Of the stack.
 * @param address - From the program.
 * @param names - Interfaces of the stack.
 * @returns The route, null: there is none.
 * @throws {NetError} EINVAL, ENOMEM, ESHUTDOWN.
 */
export async function lookupRoute(
  channel: Channel,
  arena: Arena,
  address: string,
  names: Names,
): Promise<RouteSnapshot | null> {
  const action = `Cannot look up the route to ${show(address)}`;
  const entries = await readTable(channel, arena, action, ROUTE_LOOKUP, parseIp(address));
  return entries.flatMap((entry) => snapshot(entry, names))[0] ?? null;
}

/**
 * Lists the neighbors of a stack.
 *
 * @param channel - Of the stack.
 * @param arena - Of the stack.
 * @param names - Interfaces of the stack.
 * @returns The neighbors.
 * @throws {NetError} ENOMEM, ESHUTDOWN.
 */
export async function listNeighbors(
  channel: Channel,
  arena: Arena,
  names: Names,
): Promise<Neighbor[]> {
  const entries = await readTable(channel, arena, 'Cannot list the neighbors', ROUTE_NEIGHBORS);
  return entries.flatMap(({ destination, mac, iface, metric }) => {
    const of = names.interfaceOf(iface);
    const state = STATES[metric - 1];
    if (!of || !state) return [];
    const known = state === 'incomplete' ? undefined : formatMac(mac);
    return [{ address: formatIp(destination.address), mac: known, interface: of, state }];
  });
}
