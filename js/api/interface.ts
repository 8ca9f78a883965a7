// SPDX-License-Identifier: MIT
// interface - the public types of loopback, tun and tap interfaces; of bridges: js/api/bridge.ts

import type {
  InterfaceDhcp,
  InterfaceSlaac,
  TapDhcpOptions,
  TapSlaacOptions,
} from './configuration.ts';
import type { SharedHandle } from './handle.ts';
import type { FrameRingReader, FrameRingWriter } from './zero_copy.ts';

/** One CIDR such as `192.168.1.1/24` or `fd00::1/64`, or a list: at most one IPv4, three IPv6. */
export type Cidrs = string | readonly string[];

/** Options of every interface. */
export interface InterfaceOptions {
  /**
   * Its addresses with their prefix lengths. Without one an interface takes no part in IP: it answers no
   * ARP and nothing can be sent from it. @default none
   */
  readonly ip?: Cidrs;
  /**
   * Next hop for hosts that no prefix of an interface covers: one IPv4, one IPv6, or both. @default none:
   * these hosts fail with EHOSTUNREACH
   */
  readonly gateway?: string | readonly string[];
  /** Largest IP packet in bytes, 576 to 65520. @default 1500 (loopback: 65520) */
  readonly mtu?: number;
  /**
   * `false` neither computes nor verifies IP and TCP checksums: for a wire whose two ends share
   * memory, both of which must say so. @default true
   */
  readonly checksum?: boolean;
  /**
   * `false` keeps TCP from sending segments above the MTU. It does so only on a wire between two stacks
   * of one arena and over loopback, where it saves most of the cost of a packet, as network cards do
   * (TSO, GRO). A program that reads frames never gets one above the MTU. @default true
   */
  readonly largeSend?: boolean;
  /**
   * Bytes of each of the two frame rings, rounded up to a power of two, at most 1 GiB.
   * @default 512 KiB, or as much as eight of the largest frames take
   */
  readonly ringSize?: number;
}

/** The other end of a cable: frames in both directions. */
export interface TapLink {
  /** Frames that it gives. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Frames that it takes. */
  readonly writable: WritableStream<Uint8Array>;
}

/** Options of createLoopbackInterface(). */
export interface LoopbackInterfaceOptions extends InterfaceOptions {}

/** Options of createTunInterface(). */
export interface TunInterfaceOptions extends InterfaceOptions {}

/** Options of createTapInterface(). */
export interface TapInterfaceOptions extends InterfaceOptions {
  /**
   * As for every interface. `dhcp`: a lease of DHCP. `slaac`: IPv6 addresses of what routers advertise. Both may be in a
   * list, beside addresses. createTapInterface() settles when they are there; the tap is among `stack.interfaces` at
   * once, so that it can be plugged in. @default none
   */
  readonly ip?: Cidrs;
  /** Settings of `ip: 'dhcp'`. */
  readonly dhcp?: TapDhcpOptions;
  /** Settings of `ip: 'slaac'`. */
  readonly slaac?: TapSlaacOptions;
  /** It is plugged into this at once, as `connect()` of `ringstack/link` does: an endpoint, or a tap of another stack. */
  readonly link?: TapLink;
  /** Six bytes as `01:23:45:67:89:ab`. @default a random locally administered one */
  readonly mac?: string;
}

/** Counters of an interface since it was created, as seen from the stack. Those of packets wrap at 2^32. */
export interface InterfaceStatistics {
  /** Packets received and passed to the stack. */
  readonly rxPackets: number;
  /** Their bytes. */
  readonly rxBytes: number;
  /** Packets sent. */
  readonly txPackets: number;
  /** Their bytes. */
  readonly txBytes: number;
  /** Packets dropped on the way out because the interface was not listening. */
  readonly dropped: number;
  /**
   * Packets lost on the way out: small ones that are not sent again, for which the ring had no room,
   * and those too long for the other end of a wire.
   */
  readonly lost: number;
  /** Frames dropped on the way in: too short, too long, or no frame at all. */
  readonly invalid: number;
}

/** Counters of the packets for others that came from an interface which forwards. They wrap at 2^32. */
export interface ForwardingStatistics {
  /** Passed on. */
  readonly forwarded: number;
  /** Dropped: their time to live was over. Their senders are told. */
  readonly expired: number;
  /** Dropped: no route leads to an interface that forwards. Their senders are told. */
  readonly noRoute: number;
  /** Dropped: larger than the MTU of the interface they would leave by. Their senders are told the MTU. */
  readonly tooBig: number;
  /** Dropped: from or to an address that is not forwarded (link-local, loopback, multicast, broadcast, reserved). */
  readonly refused: number;
  /** Dropped: the interface they would leave by had no room. */
  readonly full: number;
}

/** Options of addAddress(). */
export interface AddAddressOptions {
  /**
   * Asks first whether another host of the link has it: by probes (RFC 5227, 5 s) or duplicate address detection
   * (RFC 4862, 2 s). An interface without Ethernet has nobody to ask. @default false
   */
  readonly detect?: boolean;
  /**
   * An IPv6 address that takes what comes, but is not chosen as the source of new connections and datagrams while the
   * interface has another of that scope (RFC 4862, 5.5.4). Added again without it, the address is preferred.
   * @default false
   */
  readonly deprecated?: boolean;
}

/**
 * The members that all interfaces have.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const tap = await stack.createTapInterface();
 * await tap.addAddress('10.0.0.1/24');
 * await tap.addAddress('fd00::1/64');
 * await tap.setGateway(['10.0.0.254', 'fd00::fe']);
 * await tap.addAddress('10.1.0.1/16'); // takes the place of 10.0.0.1
 * assert.deepEqual(tap.addresses, ['10.1.0.1/16', 'fd00::1/64']);
 * await tap.removeAddress('fd00::1');
 * await tap.setMtu(1400);
 * await tap.down();
 * assert.equal(tap.isUp, false);
 * await stack.close();
 * ```
 */
export interface NetworkInterface {
  /** Kind of the interface. */
  readonly type: 'loopback' | 'tun' | 'tap' | 'bridge';
  /** Its IPv4 address, or the first IPv6 one, without the prefix; undefined if it has none. */
  readonly ip: string | undefined;
  /** The netmask that goes with ip, undefined if it is IPv6 or there is none. */
  readonly netmask: string | undefined;
  /** All its addresses as CIDRs. */
  readonly addresses: readonly string[];
  /** The IPv6 address for its link alone (RFC 4291), of a tap that has another IPv6 address; else undefined. */
  readonly linkLocalAddress: string | undefined;
  /** Largest IP packet, bytes. */
  readonly mtu: number;
  /** It is there, and not taken down. */
  readonly isUp: boolean;
  /** Its counters at this moment. */
  readonly statistics: InterfaceStatistics;
  /**
   * Adds an address and announces it on the link. An interface has one IPv4 address, and another takes its place;
   * it has three IPv6 addresses besides the link-local one. One that it has already gets another prefix.
   *
   * @param cidr - The address and the length of its prefix.
   * @param options - Whether to ask other hosts first, and whether it is a source.
   * @throws {NetError} EINVAL; EADDRINUSE if a host has it (the message names its MAC address); ENOBUFS: no room for
   *   another IPv6 address; ENODEV: it was removed, or with `detect` nobody can be asked; EBADF: it belongs to another
   *   thread; ESHUTDOWN.
   */
  addAddress(cidr: string, options?: AddAddressOptions): Promise<void>;
  /**
   * Removes an address. Connections, listeners and sockets that are bound to it end with EADDRNOTAVAIL.
   *
   * @param address - The address, with its prefix or without.
   * @throws {NetError} EINVAL, EADDRNOTAVAIL if the interface has no such address, ENODEV, EBADF, ESHUTDOWN.
   */
  removeAddress(address: string): Promise<void>;
  /**
   * Sets the MTU. Connections that are open keep the size of their segments, which are fragmented if they are larger.
   *
   * @param mtu - Largest IP packet, bytes, 576 to 65520, or what `ringSize` has room for.
   * @throws {NetError} EINVAL, ENODEV, EBADF (another thread has the interface), ESHUTDOWN.
   */
  setMtu(mtu: number): Promise<void>;
  /**
   * Sets the gateway: the next hop for hosts that no other route covers.
   *
   * @param gateway - One address, or one of each family; a family that is not given keeps its own. null: none.
   * @param family - With null: removes that of this family alone, 4 or 6.
   * @throws {NetError} EINVAL, ENODEV, EBADF, ENOMEM, ESHUTDOWN.
   */
  setGateway(gateway: string | readonly string[] | null, family?: 4 | 6): Promise<void>;
  /**
   * Has it forward packets, or not: those that come from it, and are for others, leave by the interface of their route if
   * that forwards as well.
   *
   * @param on - Whether it forwards.
   * @throws {NetError} EINVAL for a loopback interface, ENODEV, EBADF, ESHUTDOWN.
   */
  setForwarding(on: boolean): Promise<void>;
  /**
   * Counts the packets for others that came from it.
   *
   * @returns The counters at this moment.
   * @throws {NetError} ENODEV if it was removed.
   */
  forwardingStatistics(): Promise<ForwardingStatistics>;
  /**
   * Takes it up again after down(), and announces its addresses on the link.
   *
   * @throws {NetError} ENODEV, EBADF, ESHUTDOWN.
   */
  up(): Promise<void>;
  /**
   * Takes it down: it sends and receives nothing, and its routes are not taken. Connections wait, and go on after up().
   *
   * @throws {NetError} ENODEV, EBADF, ESHUTDOWN.
   */
  down(): Promise<void>;
}

/** Loopback interface: what the stack sends to itself. */
export interface LoopbackInterface extends NetworkInterface {
  /** Kind of the interface. */
  readonly type: 'loopback';
}

/**
 * The members that tun and tap interfaces have: streams of the frames that the stack sends and takes.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const tun = await stack.createTunInterface({ ip: '10.0.0.1/24' });
 * const packets = tun.listen();
 * stack.connectTcp({ host: '10.0.0.2', port: 80 }).catch(() => {});
 * const { value } = await packets.next();
 * assert.equal(value?.[9], 6); // an IPv4 packet with a TCP segment: the SYN
 * await stack.close();
 * ```
 */
export interface FrameInterface extends NetworkInterface {
  /**
   * Packets the stack sends, one a chunk. The interface listens only while this is locked; before,
   * what the stack sends is dropped and counted. `pipeTo()` the writable of another interface of the
   * same arena and the frames go from stack to stack without a copy.
   */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * Packets for the stack, one a chunk. One that is too short or longer than the MTU (and its
   * Ethernet header) is dropped and counted (`statistics.invalid`): a link must survive it.
   */
  readonly writable: WritableStream<Uint8Array>;
  /**
   * Locks the readable, so that the interface listens, and gives zero-copy access to its packets.
   *
   * @returns Zero-copy access, until its releaseLock().
   * @throws {TypeError} If the readable is locked already.
   */
  getRingReader(): FrameRingReader;
  /**
   * Locks the writable and gives zero-copy access: room for packets, to be filled without a copy.
   *
   * @returns Zero-copy access, until its releaseLock().
   * @throws {TypeError} If the writable is locked already.
   */
  getRingWriter(): FrameRingWriter;
  /**
   * Locks the readable and iterates over its packets; leaving the loop unlocks it.
   *
   * @returns The iterator; it ends when the interface is removed.
   * @throws {TypeError} If the readable is locked already.
   */
  listen(): AsyncIterableIterator<Uint8Array<ArrayBuffer>>;
  /**
   * As listen().
   *
   * @returns The iterator.
   * @throws {TypeError} If the readable is locked already.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array<ArrayBuffer>>;
  /**
   * Hands its frames to another thread: attach(handle) there gives an interface with the streams of this
   * one, so that a VM in a worker feeds it directly. The streams here fail; statistics and
   * removeInterface() of its stack go on. Removing it recalls it from the other thread first.
   *
   * @returns The handle, which structured cloning (postMessage, workerData) carries; it opens once.
   * @throws {NetError} EINVAL if a stream is locked; ENODEV, ENOMEM, ESHUTDOWN.
   */
  share(): Promise<SharedHandle<this>>;
}

/** Tun interface: whole IP packets (L3). */
export interface TunInterface extends FrameInterface {
  /** Kind of the interface. */
  readonly type: 'tun';
}

/** Tap interface: Ethernet frames (L2). */
export interface TapInterface extends FrameInterface {
  /** Kind of the interface. */
  readonly type: 'tap';
  /** Its MAC address. */
  readonly mac: string;
  /** The DHCP client of `ip: 'dhcp'`. */
  readonly dhcp?: InterfaceDhcp;
  /** The client of routers of `ip: 'slaac'`. */
  readonly slaac?: InterfaceSlaac;
}
