// SPDX-License-Identifier: MIT
// ring_shim - the rings of core/ring.c behind the interface of js/ring.ts; twin: ring_shim.c

import { ABI_EAGAIN, ABI_EMSGSIZE } from '../../js/abi.ts';
import {
  ByteConsumer,
  ByteProducer,
  FrameConsumer,
  FrameProducer,
  FULL_NOW,
  NEVER_FITS,
} from '../../js/ring.ts';

type Marks = 'mustNotify' | 'arm' | 'held' | 'offset';

/** The access functions of each side, in C or JavaScript. */
export type ByteSource = Pick<ByteProducer, Marks | 'reserve' | 'submit' | 'cancel'>;
export type ByteSink = Pick<ByteConsumer, Marks | 'peek' | 'release'>;
export type FrameSource = Pick<FrameProducer, Marks | 'reserve' | 'submit' | 'cancel'>;
export type FrameSink = Pick<FrameConsumer, Marks | 'peek' | 'release'>;

/** Exports of ring_shim.c. */
interface ShimExports {
  __wasm_apply_data_relocs?(): void;
  __wasm_call_ctors?(): void;
  shim_ring_init(ring: number, buf: number, size: number, start: number): void;
  shim_ring_offer(ring: number, buf: number, size: number): void;
  shim_ring_settled(ring: number): number;
  shim_producer_init(side: number, ring: number): void;
  shim_consumer_init(side: number, ring: number): void;
  shim_offset(): number;
  shim_byte_reserve(side: number, want: number): number;
  shim_byte_submit(side: number, length: number): number;
  shim_byte_cancel(side: number): void;
  shim_byte_peek(side: number): number;
  shim_byte_release(side: number, length: number): number;
  shim_frame_reserve(side: number, length: number): number;
  shim_frame_submit(side: number, length: number): number;
  shim_frame_cancel(side: number): void;
  shim_frame_peek(side: number, max: number): number;
  shim_frame_release(side: number): void;
  shim_producer_notify(side: number): number;
  shim_consumer_notify(side: number): number;
  shim_producer_arm(side: number, room: number): number;
  shim_consumer_arm(side: number): number;
  shim_producer_held(side: number): number;
  shim_consumer_held(side: number): number;
}

/** Bytes an instance needs for its data and its C stack. */
export const SHIM_REGION = 65536;
/** Function 0 would be a null pointer. */
const TABLE_BASE = 1;

/** Refusals of C are exceptions in JavaScript. */
function check(code: number, what: string): void {
  if (code !== 0) throw new RangeError(`Cannot ${what}: code ${code}`);
}

/** The wake thresholds of a producer in C. Its mustNotify() also rings the doorbell, if the ring names one. */
class CProducer {
  protected readonly c: ShimExports;
  protected readonly side: number;

  constructor(c: ShimExports, side: number, ring: number) {
    this.c = c;
    this.side = side;
    c.shim_producer_init(side, ring);
  }

  offset = 0;

  mustNotify(): boolean {
    return this.c.shim_producer_notify(this.side) !== 0;
  }

  arm(room: number): boolean {
    return this.c.shim_producer_arm(this.side, room) !== 0;
  }

  get held(): number {
    return this.c.shim_producer_held(this.side) >>> 0;
  }
}

class CByteProducer extends CProducer implements ByteSource {
  reserve(want: number): number {
    const room = this.c.shim_byte_reserve(this.side, want) >>> 0;
    this.offset = this.c.shim_offset() >>> 0;
    return room;
  }

  submit(length: number): void {
    check(this.c.shim_byte_submit(this.side, length), `submit ${length} bytes`);
  }

  cancel(): void {
    this.c.shim_byte_cancel(this.side);
  }
}

class CFrameProducer extends CProducer implements FrameSource {
  reserve(length: number): number {
    const code = this.c.shim_frame_reserve(this.side, length);
    this.offset = this.c.shim_offset() >>> 0;
    if (code === ABI_EMSGSIZE) return NEVER_FITS;
    if (code === ABI_EAGAIN) return FULL_NOW;
    check(code, `reserve ${length} bytes`);
    return 1;
  }

  submit(length: number): void {
    check(this.c.shim_frame_submit(this.side, length), `submit ${length} bytes`);
  }

  cancel(): void {
    this.c.shim_frame_cancel(this.side);
  }
}

/** The marks of a consumer in C. */
class CConsumer {
  protected readonly c: ShimExports;
  protected readonly side: number;

  constructor(c: ShimExports, side: number, ring: number) {
    this.c = c;
    this.side = side;
    c.shim_consumer_init(side, ring);
  }

  offset = 0;

  mustNotify(): boolean {
    return this.c.shim_consumer_notify(this.side) !== 0;
  }

  arm(): boolean {
    return this.c.shim_consumer_arm(this.side) !== 0;
  }

  get held(): number {
    return this.c.shim_consumer_held(this.side) >>> 0;
  }
}

class CByteConsumer extends CConsumer implements ByteSink {
  peek(): number {
    const length = this.c.shim_byte_peek(this.side) >>> 0;
    this.offset = this.c.shim_offset() >>> 0;
    return length;
  }

  release(length: number): void {
    check(this.c.shim_byte_release(this.side, length), `release ${length} bytes`);
  }
}

class CFrameConsumer extends CConsumer implements FrameSink {
  readonly #max: number;

  constructor(c: ShimExports, side: number, ring: number, max: number) {
    super(c, side, ring);
    this.#max = max;
  }

  peek(): number {
    const length = this.c.shim_frame_peek(this.side, this.#max);
    this.offset = this.c.shim_offset() >>> 0;
    return length === ABI_EAGAIN ? -1 : length;
  }

  release(): void {
    this.c.shim_frame_release(this.side);
  }
}

/** Makes rings and their sides: in C, or the same in JavaScript. */
export interface Maker {
  byteProducer(ring: number): ByteSource;
  byteConsumer(ring: number): ByteSink;
  frameProducer(ring: number): FrameSource;
  frameConsumer(ring: number, max: number): FrameSink;
}

/** The sides of js/ring.ts. `arena` needs no more than `i32` here. */
export function jsMaker(arena: { readonly i32: Int32Array }): Maker {
  const full = arena as ConstructorParameters<typeof ByteProducer>[0];
  return {
    byteProducer: (ring) => new ByteProducer(full, ring),
    byteConsumer: (ring) => new ByteConsumer(full, ring),
    frameProducer: (ring) => new FrameProducer(full, ring),
    frameConsumer: (ring, max) => new FrameConsumer(full, ring, max),
  };
}

/** An instance of ring_shim.c: the sides of core/ring.c. */
export class CMaker implements Maker {
  readonly #c: ShimExports;
  #sides = 0;

  /** base: of SHIM_REGION zeroed bytes in the memory, which nobody else uses. */
  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory, base: number) {
    const i32 = (value: number, mutable = false): WebAssembly.Global =>
      new WebAssembly.Global({ value: 'i32', mutable }, value);
    const table = new WebAssembly.Table({ initial: TABLE_BASE, element: 'anyfunc' });
    const env = {
      memory,
      __indirect_function_table: table,
      __stack_pointer: i32(base + SHIM_REGION, true),
      __memory_base: i32(base),
      __table_base: i32(TABLE_BASE),
    };
    const instance = new WebAssembly.Instance(module, { env });
    this.#c = instance.exports as unknown as ShimExports;
    this.#c.__wasm_apply_data_relocs?.();
    this.#c.__wasm_call_ctors?.();
  }

  ringInit(ring: number, buf: number, size: number, start: number): void {
    this.#c.shim_ring_init(ring, buf, size, start);
  }

  offer(ring: number, buf: number, size: number): void {
    this.#c.shim_ring_offer(ring, buf, size);
  }

  settled(ring: number): boolean {
    return this.#c.shim_ring_settled(ring) !== 0;
  }

  byteProducer(ring: number): ByteSource {
    return new CByteProducer(this.#c, this.#sides++, ring);
  }

  byteConsumer(ring: number): ByteSink {
    return new CByteConsumer(this.#c, this.#sides++, ring);
  }

  frameProducer(ring: number): FrameSource {
    return new CFrameProducer(this.#c, this.#sides++, ring);
  }

  frameConsumer(ring: number, max: number): FrameSink {
    return new CFrameConsumer(this.#c, this.#sides++, ring, max);
  }
}
