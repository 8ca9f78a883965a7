// SPDX-License-Identifier: MIT
// load - fetches and compiles the module, wherever the runtime keeps it

import type { StackOptions } from '../api/stack.ts';
import { builtin } from './builtin.ts';

type WasmSource = NonNullable<StackOptions['wasm']>;

let packaged: Promise<WebAssembly.Module> | undefined;

async function compile(source: WasmSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (typeof source !== 'string' && !(source instanceof URL)) {
    return WebAssembly.compile(source as BufferSource);
  }
  // A relative one is left to fetch(): it is the page's. Here, bundlers would take `new URL(variable,
  // import.meta.url)` for an import of anything.
  const url = String(source);
  const files = url.startsWith('file:') ? builtin('node:fs/promises') : undefined;
  // Node does not fetch() files.
  if (files) return WebAssembly.compile(await files.readFile(new URL(url)));
  const response = await fetch(url);
  if (!response.ok) throw new Error(`Cannot fetch ${url}: ${response.status}`);
  // Not compileStreaming: it insists on the MIME type, which many static hosts get wrong.
  return WebAssembly.compile(await response.arrayBuffer());
}

/**
 * Compiles the module; the one of the package only once.
 *
 * @param source - Where it is, or what it is; the package's own by default.
 * @returns The compiled module.
 * @throws {Error} If it cannot be fetched, or is no module (WebAssembly.CompileError).
 */
export function loadModule(source?: WasmSource): Promise<WebAssembly.Module> {
  if (source !== undefined) return compile(source);
  // As seen from dist/index.js, and written so that bundlers take the file along.
  packaged ??= compile(new URL('./stack.wasm', import.meta.url)).catch((error: unknown) => {
    packaged = undefined;
    throw error;
  });
  return packaged;
}
