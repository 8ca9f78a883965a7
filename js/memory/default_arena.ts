// SPDX-License-Identifier: MIT
// default_arena - createArena(), and the arena that stacks share by default

import type { StackArena, StackOptions } from '../api/stack.ts';
import { NetError } from '../errors.ts';
import { loadModule } from '../runtime/load.ts';
import { any, checkOptions, show } from '../util/check.ts';
import { Arena } from './arena.ts';

/** The arena that stacks share by default, while any of them lives. */
let shared: { arena: Promise<Arena>; users: number } | undefined;

function takeShared(): { arena: Promise<Arena>; release: () => void } {
  shared ??= { arena: loadModule().then((module) => new Arena(module)), users: 0 };
  const entry = shared;
  entry.users++;
  return {
    arena: entry.arena,
    release: () => {
      entry.users--;
      if (entry.users === 0 && shared === entry) shared = undefined;
    },
  };
}

/**
 * Creates an arena: for stacks that need more or less memory than the 256 MiB of the default one, or that
 * must not share it.
 *
 * @param options - `size`: bytes, 1 MiB to 4 GiB - 64 KiB, taken from the system as they are used;
 *   `wasm`: the module, as in createStack().
 * @returns The arena; it is freed with the last stack in it and the last reference to it.
 * @throws {NetError} EINVAL for a bad size, ENOMEM if the runtime refuses so much.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createArena, createStack } from 'ringstack';
 *
 * const arena = await createArena({ size: 8 * 1024 * 1024 });
 * const stack = await createStack({ arena });
 * assert.ok(arena.freeBytes < arena.size);
 * await stack.close();
 * ```
 */
export async function createArena(
  options: { readonly size?: number; readonly wasm?: StackOptions['wasm'] } = {},
): Promise<StackArena> {
  checkOptions('Cannot create an arena', options, { size: any, wasm: any });
  return new Arena(await loadModule(options.wasm), options.size);
}

/**
 * The arena of a stack.
 *
 * @internal
 *
 * @param options - Of the stack.
 * @returns The arena, and a function to call when the stack is gone.
 * @throws {NetError} EINVAL, ENOMEM.
 */
export async function openArena(
  options: StackOptions,
): Promise<{ arena: Arena; release: () => void }> {
  if (options.arena !== undefined) {
    if (!(options.arena instanceof Arena)) {
      throw new NetError('EINVAL', `Cannot create a stack with arena ${show(options.arena)}`, {
        reason: 'must be from createArena() or attach()',
      });
    }
    return { arena: options.arena, release: () => {} };
  }
  if (options.wasm !== undefined) {
    return { arena: new Arena(await loadModule(options.wasm)), release: () => {} };
  }
  const { arena, release } = takeShared();
  try {
    return { arena: await arena, release };
  } catch (error) {
    release();
    throw error;
  }
}
