// SPDX-License-Identifier: MIT
// wasm - small modules made by hand: what a loader must refuses looks almost like the real thing

const SECTION = { custom: 0, type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const I32 = 0x7f;

/** A number as LEB128; signed, as a constant in code, where isSigned. */
function leb(value: number, isSigned = false): number[] {
  const bytes: number[] = [];
  let rest = BigInt(isSigned ? value | 0 : value);
  for (;;) {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    const sign = isSigned && (byte & 0x40) !== 0 ? -1n : 0n;
    const isLast = rest === sign && (!isSigned || rest === 0n || rest === -1n);
    bytes.push(isLast ? byte : byte | 0x80);
    if (isLast) return bytes;
  }
}

const vector = (items: readonly (readonly number[])[]): number[] => [
  ...leb(items.length),
  ...items.flat(),
];
const sized = (bytes: readonly number[]): number[] => [...leb(bytes.length), ...bytes];
const text = (value: string): number[] => sized([...new TextEncoder().encode(value)]);

/** Contents of a generated module. */
export interface ModuleOptions {
  /** Bytes of the dylink.0 section; none without. */
  readonly dylink?: readonly number[];
  /** Words that rs_arena_init() writes: pairs of offset and value. */
  readonly words?: readonly (readonly [number, number])[];
  /** Result of rs_arena_init(). */
  readonly result?: number;
}

/** A dylink.0 section that asks for so much memory and no table. */
export const dylink = (memory: number): number[] => [1, ...sized([...leb(memory), 0, 0, 0])];

/** A module that imports a shared memory and exports one function, rs_arena_init(first, size). */
export function makeModule(options: ModuleOptions): WebAssembly.Module {
  const stores = (options.words ?? []).map(([offset, value]) => [
    ...[0x41, ...leb(offset, true)], // i32.const offset
    ...[0x41, ...leb(value, true)], // i32.const value
    ...[0x36, 2, 0], // i32.store
  ]);
  const body = [0, ...stores.flat(), 0x41, ...leb(options.result ?? 0, true), 0x0b];
  const section = (id: number, bytes: readonly number[]): number[] => [id, ...sized(bytes)];
  const bytes = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...(options.dylink ? section(SECTION.custom, [...text('dylink.0'), ...options.dylink]) : []),
    ...section(SECTION.type, vector([[0x60, ...vector([[I32], [I32]]), ...vector([[I32]])]])),
    // A shared memory has a maximum.
    ...section(
      SECTION.import,
      vector([[...text('env'), ...text('memory'), 2, 3, 1, ...leb(65536)]]),
    ),
    ...section(SECTION.function, vector([[0]])),
    ...section(SECTION.export, vector([[...text('rs_arena_init'), 0, 0]])),
    ...section(SECTION.code, vector([sized(body)])),
  ];
  return new WebAssembly.Module(new Uint8Array(bytes));
}
