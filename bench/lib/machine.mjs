// SPDX-License-Identifier: MIT
// machine - where and with what a run was made, for its result file

import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

function git(...args) {
  try {
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return undefined;
  }
}

/** The machine, as far as it matters for speed. */
export function describeMachine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    load: loadavg()[0],
  };
}

/** Versions of all that takes part. */
export function describeVersions() {
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));
  return {
    node: process.versions.node,
    v8: process.versions.v8,
    ringstack: version,
    lwip: '2.2.1',
    commit: git('rev-parse', '--short=10', 'HEAD') ?? 'unknown',
    dirty: git('status', '--porcelain') !== '',
    wasmBytes: statSync(`${ROOT}dist/stack.wasm`).size,
  };
}
