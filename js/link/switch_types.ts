// SPDX-License-Identifier: MIT
// switch_types - the public interfaces of switches

import type { LinkEndpoint } from './types.ts';

/** Options of createSwitch(). */
export interface SwitchOptions {
  /** ms after which an address that sends nothing is forgotten. @default 300000 */
  readonly ageing?: number;
  /** Addresses in the forwarding table, at the most. @default 4096 */
  readonly maxEntries?: number;
  /** Flooded frames a second that each port may send: broadcast, multicast, unknown addresses. @default 5000 */
  readonly stormLimit?: number;
  /** Bytes of frames that may wait for each port; further frames are dropped. @default 256 KiB */
  readonly queue?: number;
  /** Takes ports of different MTUs: a frame that is too long for a port is dropped there. @default false */
  readonly allowMtuMismatch?: boolean;
  /**
   * Called when the loop guard has blocked a port.
   *
   * @param port - The port.
   */
  readonly onLoop?: (port: SwitchPort) => void;
}

/** Options of a port. */
export interface SwitchPortOptions {
  /** Name, shown in the forwarding table. @default 'port0', 'port1' and so on */
  readonly name?: string;
  /** Exchanges no frames with other isolated ports. @default false */
  readonly isolated?: boolean;
  /**
   * Drops what only DHCP servers and routers send: DHCP and DHCPv6 answers, router advertisements, redirects; and DHCP
   * requests for another MAC address than the one they come from. For ports of guests. @default false
   */
  readonly guarded?: boolean;
  /**
   * MAC addresses of the port. Frames from other addresses are dropped, and no other port can take these over.
   * @default any address
   */
  readonly macs?: readonly string[];
  /** Flooded frames a second that the port may send. @default that of the switch */
  readonly stormLimit?: number;
}

/** Counters of a port: rx frames come from its endpoint, tx frames go to it. */
export interface SwitchPortStatistics {
  /** Frames from the endpoint, all of them. */
  readonly rxFrames: number;
  /** Their bytes. */
  readonly rxBytes: number;
  /** Frames that the endpoint took. */
  readonly txFrames: number;
  /** Their bytes. */
  readonly txBytes: number;
  /** Received and dropped: too short, or from a group address or address zero. */
  readonly malformed: number;
  /** Received and dropped: for an address that bridges do not forward (01-80-C2-00-00-00 to -0F). */
  readonly reserved: number;
  /** Received and dropped: for an address at this port, or a probe of the loop guard. */
  readonly filtered: number;
  /** Received and dropped: from an address that is not one of this port's, or is fixed at another port. */
  readonly spoofed: number;
  /** Received and dropped: more flooded frames than the storm limit. */
  readonly storm: number;
  /** Received or to be sent, and dropped: the loop guard has blocked the port. */
  readonly looped: number;
  /** To be sent to another isolated port, and dropped. */
  readonly isolated: number;
  /** Received and dropped: of a DHCP server or a router, or a DHCP request for another host (`guarded`). */
  readonly guarded: number;
  /** To be sent and dropped: the endpoint is slow, and the queue is full. */
  readonly full: number;
  /** To be sent and dropped: longer than the endpoint's MTU. */
  readonly tooLong: number;
  /** Addresses that came to this port from another one. */
  readonly moves: number;
}

/**
 * A port of a switch.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createSwitch } from 'ringstack/link';
 *
 * await using network = await createSwitch();
 * const stack = await createStack();
 * const tap = await stack.createTapInterface({ ip: '10.0.0.1/24' });
 * const port = network.plug(tap, { name: 'stack' });
 * assert.equal(tap.readable.locked, true);
 * await port.close();
 * assert.equal(tap.readable.locked, false); // for another link
 * await stack.close();
 * ```
 */
export interface SwitchPort extends AsyncDisposable {
  /** Its name. */
  readonly name: string;
  /** Its endpoint. */
  readonly endpoint: LinkEndpoint;
  /** Whether it exchanges no frames with other isolated ports. */
  readonly isolated: boolean;
  /** Whether no DHCP server and no router may be there. */
  readonly guarded: boolean;
  /** Whether the loop guard blocks it now. */
  readonly isBlocked: boolean;
  /** Its counters at this moment. */
  readonly statistics: SwitchPortStatistics;
  /** Settles when it is unplugged or its endpoint has ended; rejects if the endpoint failed. */
  readonly closed: Promise<void>;
  /**
   * Unplugs the endpoint, which stays open.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}

/** An entry of the forwarding table. */
export interface SwitchEntry {
  /** MAC address. */
  readonly mac: string;
  /** The port that it is at. */
  readonly port: SwitchPort;
  /** ms since its last frame. */
  readonly age: number;
  /** `static`: given with the port, never forgotten; `dynamic`: learned. */
  readonly kind: 'static' | 'dynamic';
}

/**
 * A learning switch over endpoints.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createSwitch } from 'ringstack/link';
 *
 * await using network = await createSwitch();
 * const stacks = await Promise.all([createStack(), createStack(), createStack()]);
 * for (const [n, stack] of stacks.entries()) {
 *   network.plug(await stack.createTapInterface({ ip: `10.0.0.${n + 1}/24` }));
 * }
 * const [a, b] = stacks;
 * await assert.rejects(a.connectTcp({ host: '10.0.0.2', port: 9 }), { code: 'ECONNREFUSED' });
 * await assert.rejects(b.connectTcp({ host: '10.0.0.3', port: 9 }), { code: 'ECONNREFUSED' });
 * assert.equal([...network.forwardingTable()].length, 3);
 * for (const stack of stacks) await stack.close();
 * ```
 */
export interface Switch extends AsyncDisposable {
  /** Its ports, in the order in which they were plugged. */
  readonly ports: readonly SwitchPort[];
  /**
   * Plugs an endpoint in.
   *
   * @param endpoint - A tap interface, an adapter, two streams: Ethernet frames.
   * @param options - Name, isolation, addresses, storm limit.
   * @returns The port.
   * @throws {NetError} EINVAL for a tun, a value that is no endpoint, an option that is unknown or out of range, or
   *   an address of another port; EMSGSIZE for an MTU other than that of the other ports; EBADF after close().
   * @throws {TypeError} If a stream of the endpoint is locked.
   */
  plug(endpoint: LinkEndpoint, options?: SwitchPortOptions): SwitchPort;
  /**
   * Lists the forwarding table.
   *
   * @returns Its entries at this moment.
   * @throws Never.
   */
  forwardingTable(): Iterable<SwitchEntry>;
  /**
   * Unplugs all endpoints, which stay open.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}
