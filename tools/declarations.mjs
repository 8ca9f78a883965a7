// SPDX-License-Identifier: MIT
// declarations.mjs - the declaration files that an entry shows, as they are shipped
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/**
 * A declaration file and all that it imports.
 *
 * @param {string} root - Where tsc has written them.
 * @param {string} entry - The file, below root.
 * @param {Map<string, string>} [found] - Where to put them.
 * @returns {Map<string, string>} Each file, below root, with its text.
 */
export function reachable(root, entry, found = new Map()) {
  if (found.has(entry)) return found;
  const text = readFileSync(join(root, entry), 'utf8');
  const { importedFiles } = ts.preProcessFile(text);
  const ours = importedFiles.map(({ fileName }) => fileName).filter((name) => name.startsWith('.'));
  // tsc leaves the names of the sources.
  const named = ours.reduce((all, name) => {
    return all.replaceAll(`'${name}'`, `'${name.replace(/\.ts$/, '.js')}'`);
  }, text);
  found.set(entry, named);
  for (const name of ours) {
    reachable(root, join(dirname(entry), name.replace(/\.[jt]s$/, '.d.ts')), found);
  }
  return found;
}

/**
 * Writes declaration files.
 *
 * @param {string} folder - Where to.
 * @param {ReadonlyMap<string, string>} files - Each with its text.
 */
export function writeDeclarations(folder, files) {
  for (const [file, text] of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
}

/**
 * Writes the declaration of a module of WebAssembly.
 *
 * TypeScript reads it only where `allowArbitraryExtensions` is set: elsewhere a declaration of '*.wasm', as bundlers
 * bring one, stands. A `types` condition in package.json would hide theirs.
 *
 * @param {string} path - Its path, without '.wasm'.
 * @param {string} what - What it is.
 * @param {string} option - What takes its address.
 */
export function declareWasm(path, what, option) {
  writeFileSync(
    `${path}.d.wasm.ts`,
    `// SPDX-License-Identifier: MIT
/** Where ${what} is, as bundlers that take it as a file say: a value of ${option}. */
declare const url: string;
export default url;
`,
  );
}
