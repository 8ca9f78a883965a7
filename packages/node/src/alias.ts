// SPDX-License-Identifier: MIT
// alias - ringstack-node/alias: what a bundler puts in place of Node's modules
//
// Bundlers for pages choose the `browser` field of a package, and the builds it names have no sockets: ws throws,
// mqtt and axios leave TCP out. An alias counts before that field, so packages are named here as well.

/** Modules of Node, and what stands for them. */
export type Aliases = Readonly<Record<string, string>>;

const SOCKETS = ['net', 'dgram', 'dns', 'dns/promises'];
const SERVICES = ['http', 'https', 'tls'];
/** Modules that packages of the same face stand for; `events` and `buffer` are found by their names. */
const PACKAGES: Aliases = {
  stream: 'readable-stream',
  'node:stream': 'readable-stream',
  'node:events': 'events',
  'node:buffer': 'buffer',
};

const both = (name: string, to: string): [string, string][] => [
  [name, to],
  [`node:${name}`, to],
];

/**
 * Aliases for a page: `net`, `dgram` and `dns` of a stack; `stream`, `events` and `buffer` of packages, which you
 * install.
 *
 * @returns The map, for `alias` of esbuild, `resolve.alias` of Vite and webpack, @rollup/plugin-alias.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { pageAliases } from 'ringstack-node/alias';
 *
 * assert.equal(pageAliases()['node:net'], 'ringstack-node/net');
 * assert.equal(pageAliases()['stream'], 'readable-stream');
 * ```
 */
export function pageAliases(): Aliases {
  return Object.fromEntries([
    ...SOCKETS.flatMap((name) => both(name, `ringstack-node/${name}`)),
    ...Object.entries(PACKAGES),
  ]);
}

/**
 * Aliases for a bundle that runs in Node: all modules that use sockets.
 *
 * @returns The map.
 * @throws Never.
 */
export function nodeAliases(): Aliases {
  return Object.fromEntries(
    [...SOCKETS, ...SERVICES].flatMap((name) => both(name, `ringstack-node/${name}`)),
  );
}

/**
 * The same as `find` and `replacement`, exact names only: webpack and Rollup otherwise replace beginnings of paths.
 *
 * @param aliases - A map.
 * @returns Entries for `resolve.alias` of Vite, and for @rollup/plugin-alias.
 * @throws Never.
 */
export function aliasEntries(aliases: Aliases): { find: RegExp; replacement: string }[] {
  return Object.entries(aliases).map(([name, replacement]) => ({
    find: new RegExp(`^${name}$`),
    replacement,
  }));
}

/**
 * The same for webpack, where a `$` at the end makes a name exact.
 *
 * @param aliases - A map.
 * @returns `resolve.alias` of webpack.
 * @throws Never.
 */
export function webpackAliases(aliases: Aliases): Aliases {
  return Object.fromEntries(Object.entries(aliases).map(([name, to]) => [`${name}$`, to]));
}
