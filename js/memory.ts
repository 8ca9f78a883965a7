// SPDX-License-Identifier: MIT
// memory - the arena: one shared memory, its allocator, the instances in it, copies in and out
//
// Theory of operation
//
// An arena is a WebAssembly.Memory of fixed size (initial = maximum), so its buffer never changes
// and views on it stay valid; pages are only committed when touched. From its start:
//
//     0           ARENA_CTL        KEEPER                first_page
//     | never used | struct arena_ctl | keeper's region | maps | pages to hand out ... |
//
// The keeper is an instance of the module that turns no stack: JavaScript calls the allocator of
// core/arena.c through it. Every stack is another instance, with a region of its own (data, then C
// stack) from that allocator. Whoever frees a stack sweeps all blocks of its owner number.
//
// Copies: JavaScript engines copy to and from shared memory byte by byte unless source and
// destination are congruent mod 8 (DESIGN section 4), five times slower. A copy that is not goes
// through a private buffer at a place congruent to the shared side: between private memory any
// offset is fast. That takes a second copy, and neither wasm nor memory of the arena, so that a
// thread which has only the memory can do it.

import {
  ABI_MAGIC,
  ABI_VERSION,
  ARENA_CTL,
  ARENA_CTL_SIZE,
  ARENA_FREE_BYTES,
  ARENA_MAGIC,
  ARENA_MIN,
  ARENA_TOTAL_BYTES,
  ARENA_VERSION,
} from './abi.ts';
import { NetError } from './errors.ts';

const PAGE = 65536;
const KEEPER = 4096;
const C_STACK = 32768;
/** Function 0 would be a null pointer. */
const TABLE_BASE = 1;
const DEFAULT_ARENA = 256 * 1024 * 1024;
const LARGEST_ARENA = 65536 * PAGE - PAGE;
/** Below this a byte-by-byte copy is cheaper than a detour. */
const SMALL_COPY = 192;
/** Bytes that take the detour at once: they shall still be in the first-level cache on the way back. */
const BOUNCE = 16384;

/** What every instance exports (core/main.c). */
export interface Exports {
  /** What the linker makes of it, if the module needs it. */
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

/** What the module's dylink section asks for. */
interface Needs {
  readonly memory: number;
  readonly table: number;
}

/** Reads the sizes from the dylink.0 section that emcc writes into position-independent modules. */
function readNeeds(module: WebAssembly.Module): Needs {
  const [section] = WebAssembly.Module.customSections(module, 'dylink.0');
  const bytes = new Uint8Array(section ?? new ArrayBuffer(0));
  let at = 0;
  const leb = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  };
  // Subsection 1 is the memory info: size, alignment, table size, alignment.
  if (leb() !== 1)
    throw new NetError('EPROTO', 'Cannot load the module', { reason: 'no dylink.0' });
  leb();
  const memory = leb();
  leb();
  return { memory: (memory + 63) & ~63, table: leb() };
}

/** The detour's buffer at each of the eight places mod 8; made when it is first needed. */
let bounces: readonly Uint8Array[] | undefined;

/** The detour's buffer, at a place congruent mod 8 to an offset. */
function bounceAt(offset: number): Uint8Array {
  if (!bounces) {
    const buffer = new ArrayBuffer(BOUNCE + 8);
    bounces = Array.from({ length: 8 }, (_, skew) => new Uint8Array(buffer, skew, BOUNCE));
  }
  return bounces[offset & 7] as Uint8Array;
}

/** A shared memory as any thread has it: views on it, and copies in and out. */
export class SharedMemory {
  readonly memory: WebAssembly.Memory;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly view: DataView;
  #copied = 0;

  /** memory: of fixed size, so that the views stay valid. */
  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.u8 = new Uint8Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.view = new DataView(memory.buffer);
  }

  /** Bytes copied in and out, detours counted. */
  get bytesCopied(): number {
    return this.#copied;
  }

  /** Copies private bytes into the shared memory. */
  copyIn(to: number, from: Uint8Array, start: number, length: number): void {
    const isWhole = start === 0 && length === from.length;
    this.#copied += length;
    if (length < SMALL_COPY || ((from.byteOffset + start - to) & 7) === 0) {
      this.u8.set(isWhole ? from : from.subarray(start, start + length), to);
      return;
    }
    this.#copied += length;
    const bounce = bounceAt(to);
    for (let done = 0; done < length; done += BOUNCE) {
      const step = Math.min(BOUNCE, length - done);
      bounce.set(from.subarray(start + done, start + done + step));
      this.u8.set(step === BOUNCE ? bounce : bounce.subarray(0, step), to + done);
    }
  }

  /** Copies bytes of the shared memory into private memory. */
  copyOut(from: number, to: Uint8Array, start: number, length: number): void {
    this.#copied += length;
    if (length < SMALL_COPY || ((to.byteOffset + start - from) & 7) === 0) {
      to.set(this.u8.subarray(from, from + length), start);
      return;
    }
    this.#copied += length;
    const bounce = bounceAt(from);
    for (let done = 0; done < length; done += BOUNCE) {
      const step = Math.min(BOUNCE, length - done);
      bounce.set(this.u8.subarray(from + done, from + done + step));
      to.set(step === BOUNCE ? bounce : bounce.subarray(0, step), start + done);
    }
  }
}

/** Takes a memory of fixed size from the runtime. */
function takeMemory(size: number): WebAssembly.Memory {
  const pages = Math.ceil(size / PAGE);
  if (!(size >= ARENA_MIN && size <= LARGEST_ARENA)) {
    throw new NetError('EINVAL', `Cannot create an arena of ${size} bytes`);
  }
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw new NetError('ENOMEM', `Cannot create an arena of ${size} bytes`, { cause });
  }
}

/** One shared memory with its allocator. */
export class Arena extends SharedMemory {
  readonly module: WebAssembly.Module;
  readonly #needs: Needs;
  readonly #keeper: Exports;

  /**
   * Takes the memory and lays it out.
   *
   * @param module - The compiled module.
   * @param size - Bytes, 1 MiB to 4 GiB - 64 KiB, rounded up to 64 KiB.
   * @throws {NetError} EINVAL for a bad size, ENOMEM if the runtime refuses so much.
   */
  constructor(module: WebAssembly.Module, size: number = DEFAULT_ARENA) {
    super(takeMemory(size));
    this.module = module;
    this.#needs = readNeeds(module);
    this.#keeper = this.#instance(KEEPER);
    const first = KEEPER + this.regionSize;
    if (ARENA_CTL + ARENA_CTL_SIZE > KEEPER || this.#keeper.rs_arena_init(first, this.size)) {
      throw new NetError('EPROTO', 'Cannot lay out the arena');
    }
    const magic = this.view.getUint32(ARENA_CTL + ARENA_MAGIC, true);
    if (
      magic !== ABI_MAGIC ||
      this.view.getUint32(ARENA_CTL + ARENA_VERSION, true) !== ABI_VERSION
    ) {
      throw new NetError('EPROTO', 'Cannot use the module', { reason: 'other version of the ABI' });
    }
  }

  /** Bytes of the whole memory. */
  get size(): number {
    return this.u8.length;
  }

  /** Bytes not handed out. */
  get freeBytes(): number {
    return this.view.getUint32(ARENA_CTL + ARENA_FREE_BYTES, true);
  }

  /** Bytes that can be handed out when nobody has any. */
  get totalBytes(): number {
    return this.view.getUint32(ARENA_CTL + ARENA_TOTAL_BYTES, true);
  }

  /** Bytes an instance needs for its data and its C stack. */
  get regionSize(): number {
    return this.#needs.memory + C_STACK;
  }

  /** Instantiates the module over zeroed memory at base. */
  #instance(base: number): Exports {
    const top = base + this.#needs.memory + C_STACK;
    const i32 = (value: number, mutable = false): WebAssembly.Global =>
      new WebAssembly.Global({ value: 'i32', mutable }, value);
    const instance = new WebAssembly.Instance(this.module, {
      env: {
        memory: this.memory,
        __indirect_function_table: new WebAssembly.Table({
          initial: TABLE_BASE + this.#needs.table,
          element: 'anyfunc',
        }),
        __stack_pointer: i32(top, true),
        __memory_base: i32(base),
        __table_base: i32(TABLE_BASE),
      },
    });
    const exports = instance.exports as unknown as Exports;
    exports.__wasm_apply_data_relocs?.();
    exports.__wasm_call_ctors?.();
    return exports;
  }

  /**
   * Makes an instance in a region of its own.
   *
   * @param owner - Whose region it is.
   * @returns Its exports.
   * @throws {NetError} ENOMEM.
   */
  instantiate(owner: number): Exports {
    const base = this.alloc(this.regionSize, owner);
    // The module takes what it finds for zeroed data, and a flag there for "already set up".
    this.u8.fill(0, base, base + this.regionSize);
    return this.#instance(base);
  }

  /**
   * Takes a block.
   *
   * @param size - Bytes; the block has the next power of two, at least 4 KiB, and that alignment.
   * @param owner - From newOwner().
   * @returns Its offset; not zeroed.
   * @throws {NetError} ENOMEM.
   */
  alloc(size: number, owner: number): number {
    const offset = this.#keeper.rs_arena_alloc(size, owner) >>> 0;
    if (offset === 0) {
      throw new NetError('ENOMEM', `Cannot take ${size} bytes of the arena`, {
        reason: `${this.freeBytes} of ${this.size} bytes are free`,
      });
    }
    return offset;
  }

  /** Gives a block back. */
  free(offset: number): void {
    this.#keeper.rs_arena_free(offset);
  }

  /** A number for who will take blocks. */
  newOwner(): number {
    return this.#keeper.rs_arena_new_owner();
  }

  /** Gives all blocks of an owner back; returns how many bytes that were. */
  freeOwner(owner: number): number {
    return this.#keeper.rs_arena_free_owner(owner) >>> 0;
  }
}
