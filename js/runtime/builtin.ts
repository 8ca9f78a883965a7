// SPDX-License-Identifier: MIT
// builtin - modules of Node, where the runtime has them
//
// Not import(): bundlers for the web fail at a name of Node, even in code that never runs.

/** The modules that are used; their types are those of Node. */
interface Builtins {
  'node:dgram': typeof import('node:dgram');
  'node:dns': typeof import('node:dns');
  'node:fs/promises': typeof import('node:fs/promises');
  'node:net': typeof import('node:net');
  'node:worker_threads': typeof import('node:worker_threads');
  'node:zlib': typeof import('node:zlib');
}

/**
 * Gives a module of Node (Deno and Bun have them too).
 *
 * @param name - With its `node:`.
 * @returns The module; undefined where there is none, as in browsers.
 * @throws Never.
 */
export function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?(name: string): unknown };
  };
  return process?.getBuiltinModule?.(name) as Builtins[Name] | undefined;
}
