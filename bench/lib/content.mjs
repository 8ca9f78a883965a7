// SPDX-License-Identifier: MIT
// content - the seeded bytes that every transfer carries, and the check of what arrives
//
// Byte p of a stream is pool[p mod pool size]. A pool has 49 units (a unit is one write): no power of
// two is a multiple of it, so bytes left over in a ring from its last round never look right. Writers
// send views of the pool, made once: content costs a transfer nothing.
//
// A check compares every byte (`whole`) or the first 64 of each chunk, at their place in the stream. This
// is enough to see bytes lost, doubled, exchanged or out of place (also at the end of a chunk: the next
// one would begin elsewhere), and costs little beside a fast transfer.

const UNITS = 49;
const SLACK = 1024 * 1024;
const SAMPLE = 64;

/** Compares with Node's own memcmp; not in browsers. */
function compareNative(pool) {
  const bytes = Buffer.from(pool.buffer);
  return (chunk, from, to, place) => bytes.compare(chunk, from, to, place, place + to - from) === 0;
}

/**
 * Compares byte by byte, as fast as JavaScript does that.
 *
 * @param {Uint8Array} pool
 * @returns {(chunk: Uint8Array, from: number, to: number, place: number) => boolean} Whether a part of a chunk
 *   is what the pool has at a place.
 */
export function compareBytes(pool) {
  return (chunk, from, to, place) => {
    for (let i = from, j = place; i < to; i++, j++) if (chunk[i] !== pool[j]) return false;
    return true;
  };
}

const COMPARE = globalThis.Buffer ? compareNative : compareBytes;

/** Fills bytes from a seed (xorshift32). */
export function seededBytes(seed, length) {
  const words = new Uint32Array(Math.ceil(length / 4));
  let x = (seed | 0) === 0 ? 1 : seed | 0;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/**
 * Units, one after the other, from the first one again.
 *
 * @param {readonly Uint8Array[]} units
 * @returns {() => Uint8Array}
 */
export function inTurn(units) {
  let n = 0;
  return () => {
    const unit = /** @type {Uint8Array} */ (units[n]);
    n = n === units.length - 1 ? 0 : n + 1;
    return unit;
  };
}

/** A seeded stream without end, written in units of a size. */
export class Content {
  /**
   * @param {number} seed
   * @param {number} unit - Bytes a write.
   * @param {typeof compareBytes} [compare]
   */
  constructor(seed, unit, compare = COMPARE) {
    this.unit = unit;
    this.size = unit * UNITS;
    const once = seededBytes(seed, this.size);
    /** The pool, repeated, so that a chunk seldom has to be compared in two parts. */
    this.pool = new Uint8Array(this.size + SLACK);
    for (let at = 0; at < this.pool.length; at += this.size) {
      this.pool.set(once.subarray(0, this.pool.length - at), at);
    }
    this.units = Array.from(
      { length: UNITS },
      (_, i) => new Uint8Array(this.pool.buffer, i * unit, unit),
    );
    this.isAt = compare(this.pool);
  }

  /**
   * Writes, one after the other.
   *
   * @returns {() => Uint8Array}
   */
  writes() {
    return inTurn(this.units);
  }
}

/** Checks one stream as it arrives. */
export class Check {
  #content;

  /** @param {Content} content */
  constructor(content) {
    this.#content = content;
    this.position = 0;
    this.ok = true;
  }

  /**
   * Takes the next bytes.
   *
   * @param {Uint8Array} chunk
   * @param {boolean} whole - Every byte; else the first 64.
   */
  take(chunk, whole) {
    const { length } = chunk;
    this.#compare(chunk, whole ? length : Math.min(length, SAMPLE));
    this.position += length;
  }

  #compare(chunk, end) {
    const { pool, size, isAt } = this.#content;
    for (let at = 0; at < end; ) {
      const place = (this.position + at) % size;
      const length = Math.min(end - at, pool.length - place);
      if (!isAt(chunk, at, at + length, place)) this.ok = false;
      at += length;
    }
  }
}
