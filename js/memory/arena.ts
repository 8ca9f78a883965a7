// SPDX-License-Identifier: MIT
// arena - the arena: one shared memory, its allocator, the instances in it
//
// Theory of operation
//
// An arena is a WebAssembly.Memory of fixed size (initial = maximum), so its buffer never changes
// and views on it stay valid; pages are only committed when touched. From its start:
//
//     0           ARENA_CTL        KEEPER                first_page
//     | never used | struct arena_ctl | keeper's region | maps | pages to hand out ... |
//
// The keeper is an instance of the module that runs no stack: JavaScript calls the allocator of
// core/mem/arena.c through it. Every stack is another instance, with a region of its own (data, then C
// stack) from that allocator. To free a stack, all blocks of its owner number are freed.
//
// An arena that came from another thread (share()) has a keeper of its own, in a region that the handle
// names and close() frees. A thread that only uses rings needs no more than js/memory/shared_memory.ts.

import {
  ABI_MAGIC,
  ABI_VERSION,
  ARENA_ABANDONED,
  ARENA_CTL,
  ARENA_CTL_SIZE,
  ARENA_FREE_BYTES,
  ARENA_LOCK,
  ARENA_MAGIC,
  ARENA_MIN,
  ARENA_TOTAL_BYTES,
  ARENA_VERSION,
} from '../abi.ts';
import { NetError } from '../errors.ts';
import { checkValue, range } from '../util/check.ts';
import { type Exports, instantiate, type Region } from './instance.ts';
import { SharedMemory } from './shared_memory.ts';

const PAGE = 65536;
const KEEPER = 4096;
/** Bytes of the C stack of an instance. */
export const C_STACK = 32768;
/** Function 0 would be a null pointer. */
const TABLE_BASE = 1;
const DEFAULT_ARENA = 256 * 1024 * 1024;
const SIZE = range(ARENA_MIN, 65536 * PAGE - PAGE, ' bytes');

/** Names a memory; not crypto.randomUUID(), which pages without TLS do not have. */
function newId(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-');
}

/** Takes memory from the system; pages are committed as they are touched. */
function newMemory(size: number): WebAssembly.Memory {
  checkValue('Cannot create an arena', 'size', size, SIZE);
  const pages = Math.ceil(size / PAGE);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw new NetError('ENOMEM', `Cannot create an arena of ${size} bytes`, { cause });
  }
}

/** The needs of the module, by its dylink section. */
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

/** The handle of an arena, for structured cloning to another thread. */
export interface ArenaHandle {
  readonly kind: 'arena';
  readonly memory: WebAssembly.Memory;
  readonly id: string;
  readonly module: WebAssembly.Module;
  /** Offset of a region for the other thread's keeper. */
  readonly keeper: number;
}

/** One shared memory with its allocator. */
export class Arena extends SharedMemory {
  readonly module: WebAssembly.Module;
  readonly #needs: Needs;
  readonly #keeper: Exports;
  /** Offset of the keeper's region if close() must free it, or 0. */
  #keeperRegion = 0;

  /**
   * Takes the memory and lays it out.
   *
   * @param module - The compiled module.
   * @param size - Bytes, 1 MiB to 4 GiB - 64 KiB, rounded up to 64 KiB.
   * @throws {NetError} EINVAL for a bad size, ENOMEM if the runtime refuses so much.
   */
  constructor(module: WebAssembly.Module, size?: number);
  /** Opens an arena of another thread. */
  constructor(handle: ArenaHandle);
  constructor(from: WebAssembly.Module | ArenaHandle, size: number = DEFAULT_ARENA) {
    const isNew = from instanceof WebAssembly.Module;
    super(isNew ? newMemory(size) : from.memory, isNew ? newId() : from.id);
    this.module = isNew ? from : from.module;
    this.#needs = readNeeds(this.module);
    if (isNew) {
      this.#keeper = this.#instance(KEEPER);
      const first = KEEPER + this.regionSize;
      if (ARENA_CTL + ARENA_CTL_SIZE > KEEPER || this.#keeper.rs_arena_init(first, this.size)) {
        throw new NetError('EPROTO', 'Cannot lay out the arena');
      }
    } else {
      this.#keeper = this.#instance(from.keeper);
      this.#keeperRegion = from.keeper;
      this.markShared();
    }
    const word = (field: number): number => this.view.getUint32(ARENA_CTL + field, true);
    if (word(ARENA_MAGIC) !== ABI_MAGIC || word(ARENA_VERSION) !== ABI_VERSION) {
      throw new NetError('EPROTO', 'Cannot use the module', { reason: 'other version of the ABI' });
    }
  }

  /** A handle for another thread: new Arena(handle). */
  async share(): Promise<ArenaHandle> {
    const keeper = this.alloc(this.regionSize, this.newOwner());
    this.u8.fill(0, keeper, keeper + this.regionSize);
    this.markShared();
    const { memory, id, module } = this;
    return { kind: 'arena', memory, id, module, keeper };
  }

  /** Frees what share() and attach() took; other threads can still use the arena. */
  async close(): Promise<void> {
    if (this.#keeperRegion === 0) return;
    const region = this.#keeperRegion;
    this.#keeperRegion = 0;
    this.free(region);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Bytes that are free. */
  get freeBytes(): number {
    return this.view.getUint32(ARENA_CTL + ARENA_FREE_BYTES, true);
  }

  /** Bytes that can be allocated in an empty arena. */
  get totalBytes(): number {
    return this.view.getUint32(ARENA_CTL + ARENA_TOTAL_BYTES, true);
  }

  /** Bytes an instance needs for its data and its C stack. */
  get regionSize(): number {
    return this.#needs.memory + C_STACK;
  }

  #region(base: number): Region {
    const { memory, table } = this.#needs;
    const top = base + memory + C_STACK;
    return { base, top, tableBase: TABLE_BASE, tableSize: TABLE_BASE + table };
  }

  /** Instantiates the module over zeroed memory at base. */
  #instance(base: number): Exports {
    return instantiate(this.module, this.memory, this.#region(base));
  }

  /**
   * Allocates a region for an instance that another thread will make.
   *
   * @param owner - Owner of the region.
   * @returns The layout of the region; its memory is zeroed.
   * @throws {NetError} ENOMEM.
   */
  newRegion(owner: number): Region {
    const base = this.alloc(this.regionSize, owner);
    // The module relies on zeroed data; a word that is not zero could mean "already set up".
    this.u8.fill(0, base, base + this.regionSize);
    return this.#region(base);
  }

  /**
   * Makes an instance in a region of its own.
   *
   * @param owner - Owner of the region.
   * @returns Its exports.
   * @throws {NetError} ENOMEM.
   */
  instantiate(owner: number): Exports {
    return instantiate(this.module, this.memory, this.newRegion(owner));
  }

  /**
   * Allocates a block.
   *
   * @param size - Bytes; the block has the next power of two, at least 4 KiB, and that alignment.
   * @param owner - From newOwner().
   * @returns Its offset; not zeroed.
   * @throws {NetError} ENOMEM.
   */
  alloc(size: number, owner: number): number {
    const offset = this.#keeper.rs_arena_alloc(size, owner) >>> 0;
    if (offset === 0) {
      const isAbandoned = this.i32[(ARENA_CTL + ARENA_LOCK) >>> 2] === ARENA_ABANDONED;
      throw new NetError('ENOMEM', `Cannot allocate ${size} bytes of the arena`, {
        reason: isAbandoned
          ? 'a thread died while it changed the arena'
          : `${this.freeBytes} of ${this.size} bytes are free`,
      });
    }
    return offset;
  }

  /** Frees a block. */
  free(offset: number): void {
    this.#keeper.rs_arena_free(offset);
  }

  /** A new owner number. */
  newOwner(): number {
    return this.#keeper.rs_arena_new_owner();
  }

  /** Frees all blocks of an owner; returns how many bytes that were. */
  freeOwner(owner: number): number {
    return this.#keeper.rs_arena_free_owner(owner) >>> 0;
  }
}
