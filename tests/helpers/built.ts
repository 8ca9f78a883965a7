// SPDX-License-Identifier: MIT
// built - what tests load that is not TypeScript as it stands: modules from make, bundled programs

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const compiled = new Map<string, WebAssembly.Module>();

/** Compiles a module that make has built, once; path: from the root of the repository. */
function moduleAt(path: string): WebAssembly.Module {
  let module = compiled.get(path);
  if (module === undefined) {
    module = new WebAssembly.Module(readFileSync(ROOT + path));
    compiled.set(path, module);
  }
  return module;
}

/** The product's module. */
export const stackModule = (): WebAssembly.Module => moduleAt('dist/stack.wasm');

/** The access functions of core/ring.c (tests/interop/ring_shim.c). */
export const shimModule = (): WebAssembly.Module => moduleAt('build/test/ring_shim.wasm');

/**
 * Bundles TypeScript for `new Worker(…, { eval: true })` or `node -e`: Node 20 runs none itself.
 *
 * @param source - Text of the program; imports are from the root of the repository.
 * @returns A CommonJS program.
 */
export function bundle(source: string): string {
  const { outputFiles } = buildSync({
    stdin: { contents: source, resolveDir: ROOT, loader: 'ts' },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    sourcemap: 'inline',
    // package.json says that our modules do nothing when imported; programs do.
    ignoreAnnotations: true,
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}
