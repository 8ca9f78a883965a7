// SPDX-License-Identifier: MIT
// initrd - the file system of a guest, and programs of this machine added to it
//
// The kernel takes several archives behind each other as one file system.

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { guestFile } from './need.ts';
import { findProgram } from './process.ts';

/**
 * Makes the file system of a QEMU guest with more programs.
 *
 * @param dir - Folder to work in.
 * @param programs - Names of programs, which come with their libraries, into /bin.
 * @param files - Other files, by their path in the guest.
 * @returns Path of the archive.
 */
export function initrdWith(
  dir: string,
  programs: readonly string[],
  files: Readonly<Record<string, { from: string; mode: number }>>,
): string {
  const root = join(dir, 'root');
  const put = (from: string, to: string, mode?: number): void => {
    const path = join(root, to);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(from, path);
    if (mode !== undefined) chmodSync(path, mode);
  };
  for (const name of programs) {
    const path = findProgram(name) as string;
    put(path, `bin/${name}`, 0o755);
    const libraries = execFileSync('ldd', [path], { encoding: 'utf8' });
    for (const [library] of libraries.matchAll(/\/\S+/g)) put(library, library);
  }
  for (const [to, { from, mode }] of Object.entries(files)) put(from, to, mode);
  const names = execFileSync('find', ['.'], { cwd: root });
  const archive = execFileSync('busybox', ['cpio', '-o', '-H', 'newc'], {
    cwd: root,
    input: names,
    maxBuffer: 2 ** 28,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const initrd = join(dir, 'initrd');
  const base = readFileSync(guestFile('guest/initrd'));
  writeFileSync(initrd, Buffer.concat([base, gzipSync(archive, { level: 1 })]));
  return initrd;
}
