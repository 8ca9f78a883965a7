// SPDX-License-Identifier: MIT
// wasm_imports.mjs - refuses a stack.wasm that needs more from its host than memory and its bases
//
// usage: node tools/wasm_imports.mjs FILE [FUNCTION...]
//
// The linker turns every undefined C symbol into an import; this makes it an error that names them.
import { readFileSync } from 'node:fs';

const ALLOWED = new Set([
  'memory',
  '__indirect_function_table',
  '__stack_pointer',
  '__memory_base',
  '__table_base',
]);

const [, , file, ...functions] = process.argv;
for (const name of functions) ALLOWED.add(name);
const module = new WebAssembly.Module(readFileSync(file));
const surplus = WebAssembly.Module.imports(module)
  .filter((entry) => entry.module !== 'env' || !ALLOWED.has(entry.name))
  .map((entry) => (entry.module === 'env' ? entry.name : `${entry.module}:${entry.name}`));
if (surplus.length > 0) {
  console.error(`${file}: undefined symbols: ${surplus.join(' ')}`);
  process.exit(1);
}
