// SPDX-License-Identifier: MIT
// memory.test - the arena: sizes, blocks and owners, instances, handshake, copies in and out

import { describe, expect, test, vi } from 'vitest';
import {
  ABI_EINVAL,
  ABI_MAGIC,
  ABI_VERSION,
  ARENA_CTL,
  ARENA_MAGIC,
  ARENA_MIN,
  ARENA_VERSION,
  CONFIG_MAX_SOCKETS,
  CONFIG_OWNER,
  CONFIG_SEED,
  CONFIG_SIZE,
  STACK_CTL_SIZE,
  STACK_MAGIC,
  STACK_SIZE,
  STACK_STATS,
  STACK_VERSION,
  STATS_TURNS,
} from '../../js/abi.ts';
import { NetError } from '../../js/errors.ts';
import { Arena } from '../../js/memory/arena.ts';
import type { Exports } from '../../js/memory/instance.ts';
import { stackModule } from '../helpers/built.ts';
import { Prng } from '../helpers/prng.ts';
import { dylink, makeModule } from '../helpers/wasm.ts';

const PAGE = 65536;
const MiB = 1 << 20;
const LARGEST = 2 ** 32 - PAGE;
const newArena = (size?: number): Arena => new Arena(stackModule(), size);

/** The error of a call; fails the test if it is no NetError. */
function errorOf(call: () => unknown): NetError {
  try {
    call();
  } catch (error) {
    if (error instanceof NetError) return error;
    throw error;
  }
  throw new Error('Nothing was thrown');
}

describe('size', () => {
  test.each([
    0,
    1,
    ARENA_MIN - 1,
    LARGEST + 1,
    2 ** 32,
    -ARENA_MIN,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ])('%d bytes are refused', (size) => {
    const error = errorOf(() => newArena(size));
    expect(error.code).toBe('EINVAL');
    expect(error.message).toContain(`size ${size}: must be from 1048576 to 4294901760 bytes`);
  });

  test.each([
    [ARENA_MIN, ARENA_MIN],
    [ARENA_MIN + 1, ARENA_MIN + PAGE],
    [64 * MiB - 1, 64 * MiB],
    [LARGEST - 1, LARGEST],
    [LARGEST, LARGEST],
  ])('%d bytes are %d', (size, rounded) => {
    const arena = newArena(size);
    expect(arena.size).toBe(rounded);
    expect(arena.memory.buffer.byteLength).toBe(rounded);
    expect(arena.freeBytes).toBe(arena.totalBytes);
    // Keeper and maps take the rest.
    expect(arena.totalBytes).toBeLessThan(rounded);
    expect(arena.totalBytes).toBeGreaterThan(rounded - 5 * PAGE - rounded / 1024);
    expect(arena.totalBytes % 4096).toBe(0);
  });

  test('256 MiB without one', () => {
    expect(newArena().size).toBe(256 * MiB);
  });

  test('what the runtime refuses is ENOMEM with its cause', () => {
    const cause = new RangeError('could not allocate memory');
    const spy = vi.spyOn(WebAssembly, 'Memory').mockImplementation(function refuse() {
      throw cause;
    });
    try {
      const error = errorOf(() => newArena(MiB));
      expect(error.code).toBe('ENOMEM');
      expect(error.cause).toBe(cause);
    } finally {
      spy.mockRestore();
    }
  });
});

describe('blocks', () => {
  test.each([
    [1, 4096],
    [4096, 4096],
    [4097, 8192],
    [100_000, 131_072],
    [MiB, MiB],
  ])('a block for %d bytes has %d and lies on a multiple of that', (size, taken) => {
    const arena = newArena(8 * MiB);
    for (let i = 0; i < 3; i++) {
      const free = arena.freeBytes;
      expect(arena.alloc(size, 0) % taken).toBe(0);
      expect(arena.freeBytes).toBe(free - taken);
    }
  });

  test('blocks do not overlap and all come together again', () => {
    const rng = new Prng(1);
    const arena = newArena(16 * MiB);
    const blocks = new Map<number, number>();
    const largest = 8 * MiB;
    for (let round = 0; round < 5000; round++) {
      if (rng.chance(0.5) && blocks.size > 0) {
        const block = rng.pick([...blocks.keys()]);
        arena.free(block);
        blocks.delete(block);
        continue;
      }
      // Half of it stays free, so that fragments do not get in the way.
      const size = 4096 << rng.int(7);
      if (arena.freeBytes < arena.totalBytes / 2) continue;
      const block = arena.alloc(size, rng.int(4));
      for (const [other, length] of blocks) {
        expect(block + size <= other || block >= other + length).toBe(true);
      }
      expect(block + size).toBeLessThanOrEqual(arena.size);
      blocks.set(block, size);
    }
    for (const block of blocks.keys()) arena.free(block);
    expect(arena.freeBytes).toBe(arena.totalBytes);
    arena.free(arena.alloc(largest, 0));
  });

  test.each([0, 1, 4095, ARENA_CTL, 5 * MiB + 4096])('free of %d, no block, does nothing', (at) => {
    const arena = newArena(8 * MiB);
    const block = arena.alloc(4 * MiB, 0);
    const free = arena.freeBytes;
    arena.free(at);
    arena.free(block + 4096);
    expect(arena.freeBytes).toBe(free);
    arena.free(block);
    arena.free(block);
    expect(arena.freeBytes).toBe(arena.totalBytes);
  });

  test('out of memory is an error to who asked, and what fits is still handed out', () => {
    const arena = newArena(2 * MiB);
    const error = errorOf(() => arena.alloc(2 * MiB, 0));
    expect(error.code).toBe('ENOMEM');
    expect(error.message).toContain(`${arena.freeBytes} of ${2 * MiB} bytes are free`);
    expect(errorOf(() => arena.alloc(2 ** 32 - 1, 0)).code).toBe('ENOMEM');
    expect(errorOf(() => arena.alloc(0, 0)).code).toBe('ENOMEM');
    const taken = new Set<number>();
    while (arena.freeBytes > 0) taken.add(arena.alloc(1, 0));
    expect(taken.size).toBe(arena.totalBytes / 4096);
    expect(errorOf(() => arena.alloc(1, 0)).code).toBe('ENOMEM');
    for (const block of taken) arena.free(block);
    expect(arena.freeBytes).toBe(arena.totalBytes);
  });

  test('the sweep of an owner gives back all that is his and nothing else', () => {
    const arena = newArena(8 * MiB);
    const owners = [arena.newOwner(), arena.newOwner(), arena.newOwner()] as const;
    expect(new Set(owners).size).toBe(3);
    const sizes = [4096, 16384, 65536, MiB];
    for (const size of sizes) for (const owner of owners) arena.alloc(size, owner);
    const each = sizes.reduce((sum, size) => sum + size, 0);
    expect(arena.freeOwner(owners[1])).toBe(each);
    expect(arena.freeOwner(owners[1])).toBe(0);
    expect(arena.totalBytes - arena.freeBytes).toBe(2 * each);
    expect(arena.freeOwner(owners[0]) + arena.freeOwner(owners[2])).toBe(2 * each);
    expect(arena.freeBytes).toBe(arena.totalBytes);
  });

  test('blocks above 2 GiB have positive offsets', () => {
    const arena = newArena(LARGEST);
    const block = arena.alloc(PAGE, 7);
    expect(block).toBeGreaterThan(2 ** 31);
    arena.free(block);
    expect(arena.freeBytes).toBe(arena.totalBytes);
    arena.alloc(2 ** 30, 7);
    arena.alloc(2 ** 30, 7);
    expect(arena.freeOwner(7)).toBe(2 ** 31);
  });
});

describe('instances', () => {
  /** Sets an instance up as a stack; returns its control block. */
  function initStack(arena: Arena, exports: Exports, owner: number): number {
    const config = arena.alloc(CONFIG_SIZE, owner);
    arena.view.setUint32(config + CONFIG_OWNER, owner, true);
    arena.view.setUint32(config + CONFIG_MAX_SOCKETS, 16, true);
    arena.u8.fill(owner, config + CONFIG_SEED, config + CONFIG_SIZE);
    return exports.rs_stack_init(config, 0) >>> 0;
  }

  test('two stacks in one arena have nothing in common', () => {
    const arena = newArena(16 * MiB);
    const [a, b] = [1, 2].map((owner) => {
      const exports = arena.instantiate(owner);
      return { exports, ctl: initStack(arena, exports, owner), owner };
    }) as [{ exports: Exports; ctl: number; owner: number }, { exports: Exports; ctl: number }];
    const word = (ctl: number, field: number): number => arena.view.getUint32(ctl + field, true);
    expect(Math.abs(a.ctl - b.ctl)).toBeGreaterThanOrEqual(STACK_CTL_SIZE);
    for (const { ctl } of [a, b]) {
      expect(word(ctl, STACK_MAGIC)).toBe(ABI_MAGIC);
      expect(word(ctl, STACK_VERSION)).toBe(ABI_VERSION);
      expect(word(ctl, STACK_SIZE)).toBe(STACK_CTL_SIZE);
    }
    const before = arena.u8.slice(b.ctl, b.ctl + STACK_CTL_SIZE);
    for (let turn = 1; turn <= 5; turn++) a.exports.rs_stack_turn(turn);
    expect(word(a.ctl, STACK_STATS + STATS_TURNS)).toBe(5);
    expect(arena.u8.slice(b.ctl, b.ctl + STACK_CTL_SIZE)).toEqual(before);
    a.exports.rs_stack_close();
    expect(arena.freeOwner(1)).toBeGreaterThan(0);
    b.exports.rs_stack_turn(6);
    expect(word(b.ctl, STACK_STATS + STATS_TURNS)).toBe(1);
    b.exports.rs_stack_close();
    arena.freeOwner(2);
    expect(arena.freeBytes).toBe(arena.totalBytes);
  });

  test('a region that was used before is zeroed', () => {
    const arena = newArena(16 * MiB);
    const fresh = arena.instantiate(1);
    const freshCtl = initStack(arena, fresh, 1);
    const image = arena.u8.slice(freshCtl, freshCtl + STACK_CTL_SIZE);
    fresh.rs_stack_close();
    arena.freeOwner(1);
    const block = arena.alloc(arena.regionSize, 2);
    arena.u8.fill(0xff, block, block + arena.regionSize);
    arena.free(block);
    const again = arena.instantiate(1);
    const ctl = initStack(arena, again, 1);
    expect(ctl, 'the same region').toBe(freshCtl);
    expect(arena.u8.slice(ctl, ctl + STACK_CTL_SIZE)).toEqual(image);
    again.rs_stack_turn(1);
    again.rs_stack_close();
    arena.freeOwner(1);
    expect(arena.freeBytes).toBe(arena.totalBytes);
  });

  test('no room for an instance is ENOMEM', () => {
    const arena = newArena(ARENA_MIN);
    let error: NetError | undefined;
    for (let i = 0; i < 16 && error === undefined; i++) {
      const room = arena.freeBytes >= 2 * arena.regionSize;
      if (room) arena.instantiate(1);
      else error = errorOf(() => [1, 2, 3].map(() => arena.instantiate(1)));
    }
    expect(error?.code).toBe('ENOMEM');
    arena.freeOwner(1);
    expect(arena.freeBytes).toBe(arena.totalBytes);
  });
});

describe('handshake', () => {
  const words = [
    [ARENA_CTL + ARENA_MAGIC, ABI_MAGIC],
    [ARENA_CTL + ARENA_VERSION, ABI_VERSION],
  ] as const;
  const refused = (options: Parameters<typeof makeModule>[0]): NetError =>
    errorOf(() => new Arena(makeModule(options), MiB));

  test('a module that says what is expected is taken', () => {
    const arena = new Arena(makeModule({ dylink: dylink(1000), words }), MiB);
    expect(arena.regionSize).toBe(1024 + 32768);
  });

  test.each([
    ['no dylink.0 section', undefined],
    ['an empty one', []],
    ['one that begins with something else', [2, 0]],
  ])('%s: EPROTO', (_, section) => {
    const error = refused({ ...(section && { dylink: section }), words });
    expect(error.code).toBe('EPROTO');
    expect(error.message).toBe('Cannot load the module: no dylink.0');
  });

  test.each([
    ['magic', [[ARENA_CTL + ARENA_MAGIC, ABI_MAGIC + 1], words[1]]],
    ['version', [words[0], [ARENA_CTL + ARENA_VERSION, ABI_VERSION + 1]]],
    ['version', [words[0]]],
  ] as const)('another %s: EPROTO', (_, other) => {
    const error = refused({ dylink: dylink(1000), words: other });
    expect(error.code).toBe('EPROTO');
    expect(error.message).toContain('other version of the ABI');
  });

  test('an arena that cannot be laid out: EPROTO', () => {
    const error = refused({ dylink: dylink(1000), words, result: ABI_EINVAL });
    expect(error.message).toContain('Cannot lay out the arena');
    expect(error.code).toBe('EPROTO');
  });
});

describe('copies', () => {
  const LENGTHS = [0, 1, 7, 8, 190, 191, 192, 193, 1500, 16383, 16384, 16385, 199_999, 200_000];
  const GUARD = 16;
  const MOST = 200_000;
  const pairs = Array.from({ length: 64 }, (_, i) => [i >> 3, i & 7] as const);
  const user = new Prng(1).bytes(MOST + 2 * GUARD);
  const shared = new Prng(2).bytes(MOST + 2 * GUARD);

  test.each(LENGTHS)('%d bytes in, from any alignment to any', (length) => {
    const arena = newArena(2 * MiB);
    const block = arena.alloc(MOST + 2 * GUARD, 0);
    for (const [from, to] of pairs) {
      arena.u8.set(shared, block);
      arena.copyIn(block + to, user, from, length);
      const expected = shared.slice();
      expected.set(user.subarray(from, from + length), to);
      const found = arena.u8.subarray(block, block + expected.length);
      expect(Buffer.compare(found, expected), `${from} to ${to}`).toBe(0);
    }
  });

  test.each(LENGTHS)('%d bytes out, from any alignment to any', (length) => {
    const arena = newArena(2 * MiB);
    const block = arena.alloc(MOST + 2 * GUARD, 0);
    arena.u8.set(shared, block);
    for (const [from, to] of pairs) {
      const found = user.slice();
      arena.copyOut(block + from, found, to, length);
      const expected = user.slice();
      expected.set(shared.subarray(from, from + length), to);
      expect(Buffer.compare(found, expected), `${from} to ${to}`).toBe(0);
    }
    expect(Buffer.compare(arena.u8.subarray(block, block + shared.length), shared)).toBe(0);
  });

  test('they are counted, detours too', () => {
    const arena = newArena(2 * MiB);
    const block = arena.alloc(PAGE, 0);
    arena.copyIn(block, user, 0, 1000);
    arena.copyOut(block, new Uint8Array(192), 1, 191);
    expect(arena.bytesCopied).toBe(1191);
    arena.copyIn(block, user, 1, 1000);
    arena.copyOut(block, new Uint8Array(193), 1, 192);
    expect(arena.bytesCopied).toBe(3575);
  });

  test('a detour takes no memory of the arena', () => {
    const arena = newArena(2 * MiB);
    const block = arena.alloc(PAGE, 0);
    while (arena.freeBytes > 0) arena.alloc(1, 0);
    arena.copyIn(block + 1, user, 4, 5000);
    expect(arena.u8.slice(block + 1, block + 5001)).toEqual(user.slice(4, 5004));
    const target = new Uint8Array(5000);
    arena.copyOut(block + 1, target, 0, 5000);
    expect(target).toEqual(user.slice(4, 5004));
  });

  test('views with an offset of their own, whole and in part', () => {
    const arena = newArena(2 * MiB);
    const block = arena.alloc(PAGE, 0);
    for (let offset = 0; offset < 8; offset++) {
      const view = new Uint8Array(user.slice().buffer, offset, 1000);
      arena.copyIn(block, view, 0, view.length);
      expect(arena.u8.slice(block, block + 1000)).toEqual(view.slice());
      arena.copyIn(block, view, 300, 500);
      expect(arena.u8.slice(block, block + 500)).toEqual(view.slice(300, 800));
      const target = new Uint8Array(new ArrayBuffer(2000), offset, 1000);
      arena.copyOut(block, target, 300, 500);
      expect(target.slice(300, 800)).toEqual(view.slice(300, 800));
      expect(target.every((byte, i) => (i >= 300 && i < 800) || byte === 0)).toBe(true);
    }
  });
});
