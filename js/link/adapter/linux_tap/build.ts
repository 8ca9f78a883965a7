// SPDX-License-Identifier: MIT
// build - builds the helper of js/link/adapter/linux_tap/tap.ts with the C compiler of the machine, once a version
//
// The program is kept in the user's cache folder, under a name with the hash of its source. It is built under a
// temporary name and then renamed, so two processes may build it at the same time.

import { createHash, randomUUID } from 'node:crypto';
import { access, constants, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NetError } from '../../../errors.ts';
import { run } from './run.ts';

const ACTION = 'Cannot build the tap helper';

/** Runs the compiler. */
async function compile(compiler: string, source: string, program: string): Promise<void> {
  const { error, status, stderr } = await run(compiler, ['-O2', '-o', program, source]);
  if (error?.code === 'ENOENT') {
    const reason = `there is no C compiler '${compiler}'; install one, set CC, or give 'helper'`;
    throw new NetError('ENOENT', ACTION, { reason, cause: error });
  }
  if (error) throw new NetError('EACCES', ACTION, { reason: error.message, cause: error });
  if (status !== 0) throw new NetError('EPROTO', ACTION, { reason: stderr.trim() });
}

/**
 * Finds the helper, and builds it if it is not there yet.
 *
 * @param cache - Folder to keep it in. @default `ringstack` in the user's cache folder
 * @returns Path of the program.
 * @throws {NetError} ENOENT if there is no C compiler, EACCES if the folder cannot be written, EPROTO if it does not
 *   compile.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildTapHelper } from '../js/link/adapter/linux_tap/build.ts';
 *
 * assert.match(await buildTapHelper(), /tap_helper-[0-9a-f]{16}$/);
 * ```
 */
export async function buildTapHelper(cache?: string): Promise<string> {
  const { XDG_CACHE_HOME, CC } = process.env as { XDG_CACHE_HOME?: string; CC?: string };
  const source = fileURLToPath(new URL('./helper.c', import.meta.url));
  const text = await readFile(source);
  const hash = createHash('sha256').update(text).update(process.arch).digest('hex').slice(0, 16);
  const folder = cache ?? join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'ringstack');
  const program = join(folder, `tap_helper-${hash}`);
  try {
    await access(program, constants.X_OK);
    return program;
  } catch {
    // Not built yet.
  }
  const partial = `${program}-${randomUUID()}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await compile(CC || 'cc', source, partial);
    await rename(partial, program);
  } catch (error) {
    await rm(partial, { force: true });
    if (error instanceof NetError) throw error;
    throw new NetError('EACCES', ACTION, { reason: (error as Error).message, cause: error });
  }
  return program;
}
