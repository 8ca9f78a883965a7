// SPDX-License-Identifier: MIT
// gate - between a stack and its peer: sees every TCP segment, holds frames back, drops chosen ones

import { type FrameLane, type FrameSink, type LinkEndpoint, wrapEndpoint } from 'ringstack/link';
import { ETHERTYPE, readEthernet, readIpv4, word } from '../../helpers/frames.ts';

/** Fields of a TCP segment over IPv4. */
export interface Segment {
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  /** As it stands in the header, not scaled. */
  readonly window: number;
  readonly length: number;
}

const long = (chunk: Uint8Array, at: number): number =>
  ((word(chunk, at) << 16) | word(chunk, at + 2)) >>> 0;

/** Reads a frame; undefined: it has no TCP over IPv4. */
function readSegment(frame: Uint8Array): Segment | undefined {
  const { type, payload } = readEthernet(frame);
  if (type !== ETHERTYPE.ipv4) return undefined;
  const packet = readIpv4(payload);
  if (packet.protocol !== 6) return undefined;
  const tcp = packet.payload;
  return {
    flags: (tcp[13] ?? 0) & 0x3f,
    seq: long(tcp, 4),
    ack: long(tcp, 8),
    window: word(tcp, 14),
    length: tcp.length - ((tcp[12] ?? 0) >>> 4) * 4,
  };
}

/** One direction. */
export class GateLane implements FrameLane {
  #next: FrameSink | undefined;
  #held: Uint8Array[] | undefined;
  #watchers = new Set<(segment: Segment) => void>();
  /** Drops a segment when it says so. */
  dropIf: (segment: Segment) => boolean = () => false;

  open(next: FrameSink): this {
    this.#next = next;
    return this;
  }

  send(frame: Uint8Array): boolean {
    const segment = readSegment(frame);
    if (segment) {
      if (this.dropIf(segment)) return true;
      if (!this.#held && !this.#next?.send(frame)) return false;
      for (const watch of [...this.#watchers]) watch(segment);
    } else if (!this.#held) return this.#next?.send(frame) ?? true;
    this.#held?.push(frame.slice());
    return true;
  }

  ready(): Promise<void> {
    return this.#next?.ready() ?? Promise.resolve();
  }

  /** Keeps everything back that comes from now on. */
  hold(): void {
    this.#held ??= [];
  }

  /** Lets what was kept back go, in order. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    // A few frames; the rings have room for them.
    for (const frame of held) this.#next?.send(frame);
  }

  /** Settles when so many segments have come that fit, from now on. */
  seen(count: number, fits: (segment: Segment) => boolean): Promise<void> {
    let left = count;
    return new Promise((resolve) => {
      const watch = (segment: Segment): void => {
        if (!fits(segment) || --left > 0) return;
        this.#watchers.delete(watch);
        resolve();
      };
      this.#watchers.add(watch);
    });
  }
}

/** Both directions. */
export class Gate {
  readonly toKernel = new GateLane();
  readonly fromKernel = new GateLane();

  /** The kernel's device with the gate before it. */
  wrap(device: LinkEndpoint): LinkEndpoint {
    return wrapEndpoint(device, {
      outgoing: (next) => this.toKernel.open(next),
      incoming: (next) => this.fromKernel.open(next),
    });
  }
}
