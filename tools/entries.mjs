// SPDX-License-Identifier: MIT
// entries.mjs - the subpaths of the package and the sources they are made of: package.json's `exports`, read once
//
// dist/ has the shape of js/, so what package.json exports names its source.
import { readFileSync } from 'node:fs';

const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/**
 * The entries that users import, without stack.wasm and package.json.
 *
 * @type {{ specifier: string, name: string }[]} `specifier`: as users write it, such as 'ringstack/pcap';
 *   `name`: the path below js/ and dist/ without its extension, such as 'link/filter/pcap'.
 */
export const ENTRIES = Object.entries(exports)
  .filter(([, to]) => to.default?.endsWith('.js'))
  .map(([subpath, to]) => ({
    specifier: subpath.replace('.', 'ringstack'),
    name: to.default.replace(/^\.\/dist\/(.*)\.js$/, '$1'),
  }));

/**
 * The module that a specifier of the package leads to.
 *
 * @param {string} specifier - Such as 'ringstack/pcap'.
 * @returns {string | undefined} The path below js/ and dist/ without its extension; undefined for what is not ours.
 */
export const nameOf = (specifier) => ENTRIES.find((entry) => entry.specifier === specifier)?.name;
