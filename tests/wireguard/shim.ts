// SPDX-License-Identifier: MIT
// shim - an instance of crypto_shim.c: primitives by bytes in and bytes out

import { readFileSync } from 'node:fs';

/** Places of arguments. */
export const AT = { key: 0, nonce: 32, point: 64, out: 96, ad: 128, data: 4096 } as const;

type Calls = Record<string, (...values: number[]) => number>;

const BASE = 65536;
const HEAP = 4 * 65536;

/** The primitives. */
export class Shim {
  readonly call: Calls;
  readonly #memory = new WebAssembly.Memory({ initial: 8 });
  readonly #area: number;

  constructor() {
    const i32 = (value: number, mutable = false): WebAssembly.Global =>
      new WebAssembly.Global({ value: 'i32', mutable }, value);
    const module = new WebAssembly.Module(readFileSync('build/test/wireguard_shim.wasm'));
    const { exports } = new WebAssembly.Instance(module, {
      env: {
        memory: this.#memory,
        __indirect_function_table: new WebAssembly.Table({ initial: 8, element: 'anyfunc' }),
        __stack_pointer: i32(BASE, true),
        __memory_base: i32(BASE),
        __table_base: i32(1),
      },
    });
    this.call = exports as unknown as Calls;
    this.call['__wasm_apply_data_relocs']?.();
    this.call['__wasm_call_ctors']?.();
    this.#area = this.call['crypto_area']?.(HEAP, 8 * 65536) ?? 0;
  }

  /** Bytes of the area. */
  read(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, this.#area + at, length).slice();
  }

  /** Writes bytes to the area. */
  write(at: number, bytes: Uint8Array): void {
    new Uint8Array(this.#memory.buffer, this.#area, 128 * 1024).set(bytes, at);
  }

  /** Bytes anywhere. */
  at(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, length);
  }

  run(name: string, ...values: number[]): number {
    const call = this.call[name];
    if (!call) throw new Error(`no function ${name}`);
    return call(...values);
  }

  seal(key: Uint8Array, nonce: Uint8Array, ad: Uint8Array, data: Uint8Array): Uint8Array {
    this.write(AT.key, key);
    this.write(AT.nonce, nonce);
    this.write(AT.ad, ad);
    this.write(AT.data, data);
    this.run(nonce.length === 24 ? 'xseal' : 'seal', data.length, ad.length);
    return this.read(AT.data, data.length + 16);
  }

  open(key: Uint8Array, nonce: Uint8Array, ad: Uint8Array, data: Uint8Array) {
    this.write(AT.key, key);
    this.write(AT.nonce, nonce);
    this.write(AT.ad, ad);
    this.write(AT.data, data);
    const name = nonce.length === 24 ? 'xunseal' : 'unseal';
    return this.run(name, data.length, ad.length) === 1
      ? this.read(AT.data, data.length - 16)
      : undefined;
  }

  hash(data: Uint8Array, key: Uint8Array = new Uint8Array(), size = 32): Uint8Array {
    this.write(AT.key, key);
    this.write(AT.data, data);
    this.run('hash', data.length, key.length, size);
    return this.read(AT.out, size);
  }

  hmac(data: Uint8Array, key: Uint8Array): Uint8Array {
    this.write(AT.ad, key);
    this.write(AT.data, data);
    this.run('hmac', data.length, key.length);
    return this.read(AT.out, 32);
  }

  /** The shared secret, undefined: all zeros. */
  curve(scalar: Uint8Array, point: Uint8Array): Uint8Array | undefined {
    this.write(AT.key, scalar);
    this.write(AT.point, point);
    const isGood = this.run('curve') === 1;
    return isGood ? this.read(AT.out, 32) : undefined;
  }
}

/** Bytes of hex digits. */
export const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.replace(/\s/g, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** Hex digits of bytes. */
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
