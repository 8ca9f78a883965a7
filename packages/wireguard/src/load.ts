// SPDX-License-Identifier: MIT
// load - fetches and compiles wireguard.wasm, wherever the runtime keeps it

import { NetError } from '../../../js/errors.ts';
import { show } from '../../../js/util/check.ts';
import type { WireGuardWasm } from './types.ts';

/** As much of node:fs/promises as is used. */
interface Files {
  readFile(url: URL): Promise<Uint8Array<ArrayBuffer>>;
}

let packaged: Promise<WebAssembly.Module> | undefined;

/** Not import(): bundlers for the web fail at a name of Node, even in code that never runs. */
function files(): Files | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): Files } };
  return process?.getBuiltinModule?.('node:fs/promises');
}

async function load(source: WireGuardWasm): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  const isBytes = source instanceof ArrayBuffer || ArrayBuffer.isView(source);
  const action = `Cannot load wireguard.wasm from ${isBytes ? 'these bytes' : show(String(source))}`;
  try {
    if (isBytes) return await WebAssembly.compile(source as BufferSource);
    const url = String(source);
    const reader = url.startsWith('file:') ? files() : undefined;
    if (reader) return await WebAssembly.compile(await reader.readFile(new URL(url)));
    const response = await fetch(url);
    if (!response.ok) {
      throw new NetError('ENOENT', action, { reason: `status ${response.status}` });
    }
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch (cause) {
    if (cause instanceof NetError) throw cause;
    throw new NetError('ENOENT', action, { reason: (cause as Error).message, cause });
  }
}

/**
 * Compiles the module; that of the package only once.
 *
 * @param source - Its place; that of the package by default.
 * @returns The compiled module.
 * @throws {NetError} ENOENT if it cannot be fetched or is no module.
 */
export function loadWireGuard(source?: WireGuardWasm): Promise<WebAssembly.Module> {
  if (source !== undefined) return load(source);
  // Written so that bundlers take the file along.
  packaged ??= load(new URL('./wireguard.wasm', import.meta.url)).catch((error: unknown) => {
    packaged = undefined;
    throw error;
  });
  return packaged;
}
