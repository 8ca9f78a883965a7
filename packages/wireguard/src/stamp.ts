// SPDX-License-Identifier: MIT
// stamp - the time in our handshakes, which only goes forward; and whether another page has our key
//
// Theory of operation
//
// A peer takes a handshake only if its time is later than that of the one before. So this is wall time, which
// goes on across reloads, and never less than what was used last, which is kept where the program says. It is rounded
// down to 2^24 ns, as other implementations do: how exact our clock is concerns nobody.
//
// Two tabs with one key take the peer's session from each other without end. A lock of its public key tells.

import type { WireGuardTimestamps } from './types.ts';

/** ns */
const QUANTUM = 1n << 24n;
const SECOND = 1_000_000_000n;
/** Of TAI64, for a moment in seconds since 1970; 10 leap seconds, as all implementations count. */
const TAI = (1n << 62n) + 10n;

/** Times of handshakes. */
export class Stamps {
  readonly #store: WireGuardTimestamps | undefined;
  readonly #warn: (message: string) => void;
  #publicKey = '';
  #last = 0n;

  constructor(store: WireGuardTimestamps | undefined, warn: (message: string) => void) {
    this.#store = store;
    this.#warn = warn;
  }

  /** Reads the last time of a key. */
  async open(publicKey: string): Promise<void> {
    this.#publicKey = publicKey;
    const text = await this.#store?.get(publicKey);
    const last = typeof text === 'string' && /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
    this.#last = last > this.#last ? last : this.#last;
  }

  /** Writes 12 bytes of TAI64N. */
  write(to: Uint8Array): void {
    const wall = (BigInt(Date.now()) * 1_000_000n) & ~(QUANTUM - 1n);
    this.#last = wall > this.#last ? wall : this.#last + QUANTUM;
    const view = new DataView(to.buffer, to.byteOffset, 12);
    view.setBigUint64(0, TAI + this.#last / SECOND);
    view.setUint32(8, Number(this.#last % SECOND));
    const failed = (error: unknown): void =>
      this.#warn(`The time of a WireGuard handshake could not be kept: ${error}`);
    try {
      Promise.resolve(this.#store?.set(this.#publicKey, `${this.#last}`)).catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}

/** The localStorage of a page; workers have none, and elsewhere programs keep what they want to keep. */
export function pageTimestamps(): WireGuardTimestamps | undefined {
  const { window, localStorage } = globalThis as {
    window?: unknown;
    localStorage?: Pick<Storage, 'getItem' | 'setItem'>;
  };
  if (window === undefined || window !== globalThis || !localStorage) return undefined;
  const name = (publicKey: string): string => `ringstack-wireguard ${publicKey}`;
  return {
    get: (publicKey) => localStorage.getItem(name(publicKey)),
    set: (publicKey, time) => localStorage.setItem(name(publicKey), time),
  };
}

interface Locks {
  request(
    name: string,
    options: { ifAvailable: boolean },
    held: (lock: unknown) => Promise<void> | undefined,
  ): Promise<unknown>;
}

/**
 * Says that a key is in use, where the runtime has Web Locks.
 *
 * @param publicKey - Names the lock.
 * @param warn - Is told if another page or worker has it.
 * @returns A function that ends the use.
 */
export function holdKey(publicKey: string, warn: (message: string) => void): () => void {
  const { navigator } = globalThis as { navigator?: { locks?: Locks } };
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  navigator?.locks
    ?.request(`ringstack-wireguard ${publicKey}`, { ifAvailable: true }, (lock) => {
      if (lock) return released;
      warn(
        `The WireGuard key ${publicKey} is in use by another interface: they take sessions from each other`,
      );
      return undefined;
    })
    .catch(() => {});
  return release;
}
