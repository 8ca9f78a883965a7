// SPDX-License-Identifier: MIT
// v86_nic - reads the state of a network card of v86: whether it has room, and its MTU
//
// v86 gives a frame to a card by an event, and the card does not answer: without a buffer the frame is lost.
// The fields of its devices tell beforehand:
//
//   ne2k     16 KiB of memory, in which the driver has a ring of pages of 256 bytes. A frame takes whole pages
//            from `curpg` on, up to `boundary`. One page stays free: the card cannot tell a full ring from an
//            empty one, and would overwrite frames that the guest has not read.
//   virtio   a frame takes one of the buffer chains that the guest has put into the first queue.
//
// These fields are internal to v86. One that is missing is taken as unknown, never as an error.

/** The emulated ne2000. */
interface Ne2k {
  readonly id?: number;
  readonly cr: number;
  readonly curpg: number;
  readonly boundary: number;
  readonly pstart: number;
  readonly pstop: number;
}

/** The emulated virtio card. */
interface VirtioNet {
  readonly id?: number;
  readonly mac: Uint8Array;
  readonly virtio: {
    readonly pci_id: number;
    readonly queues: readonly { readonly enabled: boolean; count_requests(): number }[];
  };
}

/** The part of an emulator that is read. */
export interface V86Inside {
  readonly v86?: {
    readonly cpu?: {
      readonly devices?: {
        readonly net?: Ne2k;
        readonly virtio_net?: VirtioNet;
        readonly pci?: { readonly device_spaces: readonly (Int32Array | undefined)[] };
      };
      readonly io?: { port_read8(port: number): number; port_read16(port: number): number };
    };
  };
}

/** State of a card for the next frame: it takes it, has no room, or is off. */
export type Room = 'free' | 'full' | 'off';

/** A card whose fields are known. */
export interface Nic {
  /** Its state for a frame of so many bytes. */
  room(length: number): Room;
  /** Its MTU; undefined if it is unknown. */
  readonly mtu: number | undefined;
}

function ne2kRoom({ cr, curpg, boundary, pstart, pstop }: Ne2k, length: number): Room {
  if (cr & 1) return 'off';
  // The card pads to 60 bytes, and adds a header of 4.
  const needed = 1 + ((Math.max(60, length) + 4) >> 8);
  const free = boundary > curpg ? boundary - curpg : pstop - curpg + boundary - pstart;
  return free > needed ? 'free' : 'full';
}

function virtioRoom({ virtio }: VirtioNet): Room {
  const queue = virtio.queues[0];
  if (!queue?.enabled) return 'off';
  return queue.count_requests() > 0 ? 'free' : 'full';
}

/**
 * Reads the MTU where the guest's driver does: in the configuration of the device, behind its fourth
 * address range. The MAC address stands in front of it, so we can check that this is the right place.
 */
function virtioMtu(emulator: V86Inside, { mac, virtio }: VirtioNet): number | undefined {
  const cpu = emulator.v86?.cpu;
  const range = cpu?.devices?.pci?.device_spaces[virtio.pci_id]?.[7];
  if (range === undefined || !cpu?.io) return undefined;
  const port = range & 0xfffc;
  for (let at = 0; at < 6; at++) if (cpu.io.port_read8(port + at) !== mac[at]) return undefined;
  return cpu.io.port_read16(port + 10);
}

/** Finds a card by its number; undefined: there is none yet, or this v86 has other fields. */
export function findNic(emulator: V86Inside, number: number): Nic | undefined {
  const { net, virtio_net: virtio } = emulator.v86?.cpu?.devices ?? {};
  if (net && (net.id ?? 0) === number) {
    return { room: (length) => ne2kRoom(net, length), mtu: 1500 };
  }
  if (virtio && (virtio.id ?? 0) === number) {
    return {
      room: () => virtioRoom(virtio),
      get mtu() {
        return virtioMtu(emulator, virtio);
      },
    };
  }
  return undefined;
}
