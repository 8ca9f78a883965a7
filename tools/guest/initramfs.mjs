// SPDX-License-Identifier: MIT
// initramfs - packs files into the archive a Linux kernel starts from (cpio, "new ASCII" format)

const hex = (value) => value.toString(16).padStart(8, '0').toUpperCase();
const padding = (length) => Buffer.alloc(-length & 3);

/** One file with its header; device: major and minor number. */
function pack({ path, mode, data = Buffer.alloc(0), device = [0, 0] }, inode) {
  const name = Buffer.from(`${path}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, ...device, name.length, 0];
  const head = Buffer.from(`070701${fields.map(hex).join('')}`);
  return [head, name, padding(head.length + name.length), data, padding(data.length)];
}

/**
 * Packs an archive.
 *
 * @param files - `path` without a slash in front; `mode` with the kind of file, as 0o100755; `data`;
 *   `device` of a device node, as [5, 1].
 * @returns The archive, not compressed.
 */
export function initramfs(files) {
  const all = [...files, { path: 'TRAILER!!!', mode: 0 }];
  return Buffer.concat(all.flatMap((file, n) => pack(file, n + 1)));
}

/** Entries for folders, such as ['bin', 'lib/modules']. */
export const folders = (paths) => paths.map((path) => ({ path, mode: 0o40755 }));
