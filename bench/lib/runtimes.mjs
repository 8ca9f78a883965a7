// SPDX-License-Identifier: MIT
// runtimes - where a cell can run: this Node, other programs as npm has them, browsers
//
// `make test-everywhere` installs the programs; NODE22, NODE24, DENO and BUN name others. A cell whose
// runtime is not there is skipped.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Pages } from './pages.mjs';
import { runCell } from './runner.mjs';

const MODULES = fileURLToPath(
  new URL('../../build/everywhere/runtimes/node_modules/', import.meta.url),
);
const PLATFORM = `${process.platform}-${process.arch}`;
const DENO = process.platform === 'linux' ? `${PLATFORM}-glibc` : PLATFORM;
const BUN = PLATFORM.replace('arm64', 'aarch64');

const PROGRAMS = {
  node22: { label: 'Node', file: `node22-${PLATFORM}/bin/node`, args: [] },
  node24: { label: 'Node', file: `node24-${PLATFORM}/bin/node`, args: [] },
  deno: {
    label: 'Deno',
    file: `@deno/${DENO}/deno`,
    args: ['run', '--allow-all', '--no-config', '--no-lock'],
  },
  bun: { label: 'Bun', file: `@oven/bun-${BUN}/bin/bun`, args: ['run'] },
};

/** Path of a program; undefined: it is not there. */
function pathOf(name) {
  const path = process.env[name.toUpperCase()] ?? `${MODULES}${PROGRAMS[name].file}`;
  return existsSync(path) ? path : undefined;
}

/** Runs cells wherever they say. */
export class Runtimes {
  #pages = new Pages();
  #versions = new Map();

  /** Names and versions of what ran cells, but this Node. */
  get versions() {
    return [...this.#versions.values(), ...this.#pages.versions];
  }

  async #program({ runtime, ...cell }) {
    const path = pathOf(runtime);
    if (!path) return { skipped: `not here: ${runtime}; make test-everywhere installs it` };
    const { label, args } = PROGRAMS[runtime];
    if (!this.#versions.has(runtime)) {
      const said = execFileSync(path, ['--version'], { encoding: 'utf8' });
      this.#versions.set(runtime, `${label} ${/\d+(\.\d+)+/.exec(said)?.[0]}`);
    }
    return runCell(cell, { command: [path, ...args] });
  }

  /**
   * Runs a cell once; never rejects.
   *
   * @param {any} cell - `runtime`: none for this Node.
   */
  run(cell) {
    if (cell.runtime === undefined) return runCell(cell);
    return PROGRAMS[cell.runtime] ? this.#program(cell) : this.#pages.run(cell);
  }

  /** Closes what is open. */
  close() {
    return this.#pages.close();
  }
}
