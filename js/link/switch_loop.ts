// SPDX-License-Identifier: MIT
// switch_loop - the loop guard of a switch: finds ports that lead back to it, and blocks one of them
//
// Theory of operation
//
// A probe is a frame for a group address that only we use; other switches flood it like any frame. It is sent
// out of a port when that is plugged, when many flooded frames come in at it (as they do in a loop), when the
// probe of another switch comes in at it, and when its block ends. A probe of ours that comes back has gone
// round a loop:
//
//   sent from P, back at P   P leads back to itself                 P is blocked
//   sent from P, back at Q   two ports lead to the same network     the one plugged later is blocked
//
// Two switches in a ring both find the loop, and might block both ways. So the one with the lower id blocks:
// a switch decides DECIDE ms after its probe has come back, and leaves the loop to a switch whose probe it has
// seen and whose id is lower, for DEFER ms at the most. A block lasts HOLD ms, and twice as long each time, up
// to HOLD_MAX.
//
// Guests are untrusted. Each probe has a random number, and counts only with the last number of the port that
// it names. A guest knows those of its own port alone, so it can block its own port and no other.

import { macAt } from './switch_table.ts';

/** The group address of probes, locally administered. */
const GROUP = [0x03, 0x72, 0x69, 0x6e, 0x67, 0x73];
const GROUP_MAC = macAt(Uint8Array.from(GROUP), 0);
/** EtherType for local experiments (IEEE 802). */
const TYPE = [0x88, 0xb5];
/** Bytes of a probe: header, number of the port, random number, padding. */
const SIZE = 60;
const PORT_AT = 14;
const NONCE_AT = 18;
const NONCE_SIZE = 16;
/** Flooded frames from a port after which it is probed. */
const SUSPECT = 64;
/** ms between two probes of a port. */
const INTERVAL = 100;
/** ms in which the probe of another switch in the loop comes in. */
const DECIDE = 100;
/** ms for which a switch leaves a loop to one with a lower id. */
const DEFER = 2000;
const HOLD = 5000;
const HOLD_MAX = 60_000;

/** A port, of a switch or of a bridge. */
export interface GuardedPort {
  /** Blocked until this time; 0: it is not. */
  blockedUntil: number;
  /** Sends a probe out of it. */
  send(frame: Uint8Array): void;
}

/** State of a port in the guard. */
interface Guarded {
  readonly number: number;
  nonce: Uint8Array;
  probed: number;
  floods: number;
  hold: number;
}

/** The loop guard of one switch. */
export class LoopGuard<Port extends GuardedPort> {
  /** Its id: a random MAC address, the source of its probes. */
  readonly #id = crypto.getRandomValues(new Uint8Array(6));
  readonly #idMac: number;
  readonly #ports = new Map<Port, Guarded>();
  readonly #block: (port: Port) => void;
  #next = 0;
  /** When a loop was left to a switch with a lower id; 0: never. */
  #deferred = 0;
  #lowerSeen = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param block - Called with a port that is blocked from now on. */
  constructor(block: (port: Port) => void) {
    this.#id[0] = ((this.#id[0] ?? 0) & 0xfc) | 2; // locally administered, no group
    this.#idMac = macAt(this.#id, 0);
    this.#block = block;
  }

  /** Watches a port, and probes it. */
  add(port: Port, now: number): void {
    const never = Number.NEGATIVE_INFINITY;
    const guarded = { number: this.#next++, nonce: new Uint8Array(), floods: 0, hold: HOLD };
    this.#ports.set(port, { ...guarded, probed: never });
    this.probe(port, now);
  }

  /** Watches a port no more. */
  remove(port: Port): void {
    this.#ports.delete(port);
    if (this.#ports.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Sends a probe out of a port, unless one was sent just now. */
  probe(port: Port, now: number): void {
    const guarded = this.#ports.get(port);
    if (!guarded || now - guarded.probed < INTERVAL) return;
    guarded.probed = now;
    guarded.floods = 0;
    guarded.nonce = crypto.getRandomValues(new Uint8Array(NONCE_SIZE));
    const frame = new Uint8Array(SIZE);
    frame.set(GROUP);
    frame.set(this.#id, 6);
    frame.set(TYPE, 12);
    new DataView(frame.buffer).setUint32(PORT_AT, guarded.number);
    frame.set(guarded.nonce, NONCE_AT);
    port.send(frame);
  }

  /** Counts a flooded frame from a port. */
  flooded(port: Port, now: number): void {
    const guarded = this.#ports.get(port);
    if (guarded && ++guarded.floods >= SUSPECT) this.probe(port, now);
  }

  /** Whether a frame is a probe of any switch. */
  isProbe(frame: Uint8Array): boolean {
    return macAt(frame, 0) === GROUP_MAC && frame.length >= SIZE;
  }

  /** Takes a probe; true: it is of another switch, and is to be flooded. */
  take(port: Port, frame: Uint8Array, now: number): boolean {
    const source = macAt(frame, 6);
    if (source !== this.#idMac) {
      if (source < this.#idMac) this.#lowerSeen = now;
      this.probe(port, now);
      return true;
    }
    const from = this.#senderOf(frame);
    if (from) this.#found(from, port, now);
    return false;
  }

  /** The port that a probe of ours was sent from; undefined: it is forged, or old. */
  #senderOf(frame: Uint8Array): Port | undefined {
    const number = new DataView(frame.buffer, frame.byteOffset).getUint32(PORT_AT);
    for (const [port, guarded] of this.#ports) {
      if (guarded.number !== number) continue;
      const isRight = guarded.nonce.every((byte, n) => byte === frame[NONCE_AT + n]);
      return isRight && guarded.nonce.length > 0 ? port : undefined;
    }
    return undefined;
  }

  /** A probe that was sent from one port has come back at another one, or at the same. */
  #found(from: Port, at: Port, now: number): void {
    const [one, other] = [this.#ports.get(from), this.#ports.get(at)];
    if (!one || !other) return;
    const [port, guarded] = one.number > other.number ? [from, one] : [at, other];
    if (from === at || port.blockedUntil > now) this.#hold(port, guarded, now);
    else if (this.#timer === undefined) {
      this.#later(DECIDE, () => this.#decide(port, guarded));
    }
  }

  /** Does something later, unless there are no ports then. */
  #later(ms: number, run: () => void): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      run();
    }, ms);
    (this.#timer as { unref?(): void }).unref?.();
  }

  /** Blocks a port, unless another switch is to do it. */
  #decide(port: Port, guarded: Guarded): void {
    const now = performance.now();
    if (now - this.#lowerSeen < DEFER) {
      if (this.#deferred === 0) this.#deferred = now;
      const left = this.#deferred + DEFER - now;
      if (left > 0) {
        // In a loop without frames, no other probe comes back.
        this.#later(left, () => this.probe(port, performance.now()));
        return;
      }
    }
    this.#deferred = 0;
    if (this.#ports.has(port)) this.#hold(port, guarded, now);
  }

  #hold(port: Port, guarded: Guarded, now: number): void {
    const isNew = port.blockedUntil <= now;
    port.blockedUntil = now + guarded.hold;
    if (!isNew) return;
    guarded.hold = Math.min(HOLD_MAX, 2 * guarded.hold);
    this.#block(port);
  }
}
