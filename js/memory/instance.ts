// SPDX-License-Identifier: MIT
// instance - one instance of the module over a region of a memory, in the thread that runs it

/** The exports of every instance (core/main.c). */
export interface Exports {
  /** Made by the linker if the module needs it. */
  __wasm_apply_data_relocs?(): void;
  __wasm_call_ctors?(): void;
  rs_arena_init(first: number, size: number): number;
  rs_arena_alloc(size: number, owner: number): number;
  rs_arena_free(offset: number): void;
  rs_arena_new_owner(): number;
  rs_arena_free_owner(owner: number): number;
  rs_stack_init(config: number, now: number): number;
  rs_stack_turn(now: number): number;
  rs_stack_close(): void;
}

/** The region of an instance. */
export interface Region {
  readonly base: number;
  /** Initial stack pointer. */
  readonly top: number;
  readonly tableBase: number;
  readonly tableSize: number;
}

/**
 * Instantiates the module over a region.
 *
 * @param module - The compiled module.
 * @param memory - The arena's.
 * @param region - Zeroed.
 * @param isJoining - Another thread has an instance over the same region, which has set it up.
 * @returns Its exports.
 * @throws {WebAssembly.LinkError} If it is another module.
 */
export function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  region: Region,
  isJoining = false,
): Exports {
  const i32 = (value: number, mutable = false): WebAssembly.Global =>
    new WebAssembly.Global({ value: 'i32', mutable }, value);
  const instance = new WebAssembly.Instance(module, {
    env: {
      memory,
      __indirect_function_table: new WebAssembly.Table({
        initial: region.tableSize,
        element: 'anyfunc',
      }),
      __stack_pointer: i32(region.top, true),
      __memory_base: i32(region.base),
      __table_base: i32(region.tableBase),
    },
  });
  const exports = instance.exports as unknown as Exports;
  // It initializes its data once for a region; these would do it each time.
  if (!isJoining) {
    exports.__wasm_apply_data_relocs?.();
    exports.__wasm_call_ctors?.();
  }
  return exports;
}
