// SPDX-License-Identifier: MIT
// bridge - the public types of bridge interfaces

import type { InterfaceOptions, NetworkInterface, TapInterface } from './interface.ts';

/**
 * A port is a tap of the stack of the bridge, which keeps its streams and its addresses, or any other
 * endpoint of Ethernet frames (`LinkEndpoint` of ringstack/link): an adapter, two streams, a tap of another stack.
 */
export type BridgeEndpoint =
  | TapInterface
  | {
      /** Frames from the endpoint, one a chunk. */
      readonly readable: ReadableStream<Uint8Array>;
      /** Frames for the endpoint, one a chunk. */
      readonly writable: WritableStream<Uint8Array>;
      /** Ethernet frames (`tap`). @default unknown: taken for these */
      readonly type?: 'tap' | 'tun' | undefined;
      /** Largest IP packet that fits into a frame, bytes. @default 1500 */
      readonly mtu?: number | undefined;
    };

/** Options of a port. */
export interface BridgePortOptions {
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
  /** Addresses that may be learned at it; frames for further ones are flooded. @default as many as the table has */
  readonly maxAddresses?: number;
  /** Flooded frames a second that the port may send, 1 to 1000000. @default that of the bridge */
  readonly stormLimit?: number;
}

/** Options of createBridgeInterface(). */
export interface BridgeInterfaceOptions extends Omit<InterfaceOptions, 'ringSize' | 'largeSend'> {
  /** Its first ports; addPort() adds more. @default none */
  readonly ports?: readonly BridgeEndpoint[];
  /** Six bytes as `01:23:45:67:89:ab`: of the bridge itself. @default a random locally administered one */
  readonly mac?: string;
  /** Its largest IP packet at the most; it is never above that of a port. @default the least of its ports */
  readonly mtu?: number;
  /** ms after which an address that sends nothing is forgotten. @default 300000 */
  readonly ageing?: number;
  /** Addresses in the forwarding table, 8 to 1048576, rounded up to a power of two; 16 bytes each. @default 4096 */
  readonly maxEntries?: number;
  /** Those of `ports` that exchange no frames with each other. @default none */
  readonly isolated?: readonly BridgeEndpoint[];
  /** Those of `ports` at which no DHCP server and no router may be. @default none */
  readonly guarded?: readonly BridgeEndpoint[];
  /** Flooded frames a second that each port may send: broadcast, multicast, unknown addresses. @default 5000 */
  readonly stormLimit?: number;
  /**
   * Called when the loop guard has blocked a port.
   *
   * @param port - The port.
   */
  readonly onLoop?: (port: BridgePort) => void;
}

/** Counters of a port: rx frames come from its other end, tx frames go to it. Each wraps at 2^32. */
export interface BridgePortStatistics {
  /** Frames from the other end. */
  readonly rxFrames: number;
  /** Their bytes. */
  readonly rxBytes: number;
  /** Frames to the other end. */
  readonly txFrames: number;
  /** Their bytes. */
  readonly txBytes: number;
  /** Received and dropped: too short, or from a group address. */
  readonly malformed: number;
  /** Received and dropped: for an address that bridges do not forward (01-80-C2-00-00-00 to -0F). */
  readonly reserved: number;
  /** Received and dropped: for an address at this port, or a probe of the loop guard. */
  readonly filtered: number;
  /** Received and dropped: from an address that is not one of this port's, or is fixed at another port. */
  readonly spoofed: number;
  /** Received and dropped: more flooded frames than the storm limit. */
  readonly storm: number;
  /** Received or to be sent, and dropped: the loop guard has blocked the port, or it or the bridge is down. */
  readonly looped: number;
  /** To be sent to another isolated port, and dropped. */
  readonly isolated: number;
  /** Received and dropped: of a DHCP server or a router, or a DHCP request for another host (`guarded`). */
  readonly guarded: number;
  /** To be sent and dropped: the other end is slow, and the ring is full. */
  readonly full: number;
  /** To be sent and dropped: longer than the MTU of the port. */
  readonly tooLong: number;
  /** To be sent and dropped: nothing reads the frames of the port. */
  readonly unread: number;
  /** Addresses that came to this port from another one. */
  readonly moves: number;
}

/**
 * A port of a bridge.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const bridge = await stack.createBridgeInterface({ ip: '10.0.0.1/24' });
 * const tap = await stack.createTapInterface();
 * const port = await bridge.addPort(tap, { name: 'guest', guarded: true });
 * assert.equal([...bridge.ports][0], port);
 * assert.equal(port.interface, tap);
 * await port.close(); // the tap stays
 * assert.equal([...bridge.ports].length, 0);
 * await stack.close();
 * ```
 */
export interface BridgePort extends AsyncDisposable {
  /** Its name. */
  readonly name: string;
  /** Its tap: the one that was given, or one that was made for the endpoint. */
  readonly interface: TapInterface;
  /** The tap or the endpoint that was given to the bridge. */
  readonly endpoint: BridgeEndpoint;
  /** Whether it exchanges no frames with other isolated ports. */
  readonly isolated: boolean;
  /** Whether no DHCP server and no router may be there. */
  readonly guarded: boolean;
  /** Whether the loop guard blocks it now. */
  readonly isBlocked: boolean;
  /** Its counters at this moment. */
  readonly statistics: BridgePortStatistics;
  /** Settles when it is a port no more; rejects if its endpoint failed. */
  readonly closed: Promise<void>;
  /**
   * Makes it a port no more. A tap stays as it is; the endpoint is unplugged and stays open.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}

/** An entry of the forwarding table. */
export interface BridgeEntry {
  /** MAC address. */
  readonly mac: string;
  /** The port that it is at. */
  readonly port: BridgePort;
  /** ms since its last frame. */
  readonly age: number;
  /** `static`: given with the port, never forgotten; `dynamic`: learned. */
  readonly kind: 'static' | 'dynamic';
}

/**
 * Bridge interface: a learning switch in the stack, with addresses of its own. A frame goes from port to port with one
 * copy and no JavaScript. Guests are untrusted: the table, floods and rings of each port are bounded, a slow port drops
 * frames and holds up no other, and loops are found and blocked.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const host = await createStack();
 * const guests = await Promise.all([createStack(), createStack()]);
 * const bridge = await host.createBridgeInterface({ ip: '10.0.0.1/24' });
 * for (const [n, guest] of guests.entries()) {
 *   const tap = await guest.createTapInterface({ ip: `10.0.0.${n + 2}/24` });
 *   await bridge.addPort(tap, { name: `guest${n}` });
 * }
 * const listener = await host.listenTcp({ port: 80 });
 * await guests[0].connectTcp({ host: '10.0.0.1', port: 80 });
 * assert.equal((await listener.accept()).remoteAddress, '10.0.0.2');
 * await assert.rejects(guests[1].connectTcp({ host: '10.0.0.2', port: 9 }), { code: 'ECONNREFUSED' });
 * assert.deepEqual([...bridge.forwardingTable()].map(({ port }) => port.name).sort(), ['guest0', 'guest1']);
 * for (const stack of [host, ...guests]) await stack.close();
 * ```
 */
export interface BridgeInterface extends NetworkInterface {
  /** Kind of the interface. */
  readonly type: 'bridge';
  /** Its MAC address. */
  readonly mac: string;
  /** Its ports, in the order in which they were added. */
  readonly ports: Iterable<BridgePort>;
  /**
   * Adds a port.
   *
   * @param port - A tap of this stack, which keeps its streams and addresses; or any other endpoint of Ethernet frames.
   * @param options - Name, isolation, guard, addresses, limits.
   * @returns The port.
   * @throws {NetError} EINVAL for a tun, a value that is no endpoint, a tap that is a port already, an option that is
   *   unknown or out of range; EADDRINUSE: another port has one of its addresses; ENOBUFS: the table has no place for
   *   them; ENODEV, ENOMEM, EMFILE (254 interfaces), ESHUTDOWN.
   * @throws {TypeError} If a stream of an endpoint is locked.
   */
  addPort(port: BridgeEndpoint, options?: BridgePortOptions): Promise<BridgePort>;
  /**
   * Removes a port, as its close().
   *
   * @param port - The port, its tap or its endpoint.
   * @throws {NetError} ENODEV if the bridge has no such port.
   */
  removePort(port: BridgePort | BridgeEndpoint): Promise<void>;
  /**
   * Lists the forwarding table.
   *
   * @returns Its entries at this moment.
   * @throws Never.
   */
  forwardingTable(): Iterable<BridgeEntry>;
}
