// SPDX-License-Identifier: MIT
// load - fetches and compiles the module, wherever the runtime keeps it

import type { StackOptions } from '../api/stack.ts';
import { NetError } from '../errors.ts';
import { bytesOf } from '../util/bytes.ts';
import { show } from '../util/check.ts';
import { netErrorOf } from '../util/system_error.ts';
import { builtin } from './builtin.ts';

type WasmSource = NonNullable<StackOptions['wasm']>;

/** The guide that says how stack.wasm is served. */
const HELP = '; see docs/bundlers.md';
/** The first bytes of every module: "\0asm". */
const MAGIC = [0, 0x61, 0x73, 0x6d];
/** The first byte of a page. */
const LESS_THAN = 0x3c;

let packaged: Promise<WebAssembly.Module> | undefined;

/** Compiles bytes; action: first half of error messages. */
async function compile(source: ArrayBuffer | ArrayBufferView, action: string) {
  const bytes = bytesOf(source);
  const refuse = (reason: string, cause?: unknown): NetError =>
    new NetError('EINVAL', action, { reason: reason + HELP, ...(cause ? { cause } : {}) });
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw refuse(bytes[0] === LESS_THAN ? 'it is HTML, not WebAssembly' : 'it is not WebAssembly');
  }
  try {
    return await WebAssembly.compile(bytes as BufferSource);
  } catch (cause) {
    throw refuse((cause as Error).message, cause);
  }
}

/** Fetches a URL, or reads a file. */
async function read(url: string, action: string): Promise<ArrayBuffer | ArrayBufferView> {
  // Node does not fetch() files.
  const files = url.startsWith('file:') ? builtin('node:fs/promises') : undefined;
  if (files) return files.readFile(new URL(url));
  const response = await fetch(url);
  if (!response.ok) {
    throw new NetError('ENOENT', action, { reason: `status ${response.status}${HELP}` });
  }
  // Not compileStreaming(): it insists on the MIME type, which many static hosts get wrong.
  return response.arrayBuffer();
}

async function load(source: WasmSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) {
    return compile(source, 'Cannot load the module from these bytes');
  }
  // A relative URL is left to fetch(): it is relative to the page. Bundlers would take `new URL(variable,
  // import.meta.url)` here for an import of anything.
  const url = String(source);
  const action = `Cannot load the module from ${show(url)}`;
  try {
    return await compile(await read(url, action), action);
  } catch (error) {
    throw netErrorOf(error, action, 'ENOENT', HELP);
  }
}

/**
 * Compiles the module; that of the package only once.
 *
 * @param source - Its URL, its bytes, or the module; that of the package by default.
 * @returns The compiled module.
 * @throws {NetError} ENOENT and the like if it cannot be fetched, EINVAL if it is no module; the message
 *   points to docs/bundlers.md.
 */
export function loadModule(source?: WasmSource): Promise<WebAssembly.Module> {
  if (source !== undefined) return load(source);
  // As seen from dist/index.js, and written so that bundlers take the file along.
  packaged ??= load(new URL('./stack.wasm', import.meta.url)).catch((error: unknown) => {
    packaged = undefined;
    throw error;
  });
  return packaged;
}
