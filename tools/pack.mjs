// SPDX-License-Identifier: MIT
// pack - packs the package: what package.json's "files" names, with links that work where each file is read
//
// usage: node tools/pack.mjs TARBALL        (after make)
//
// The registry shows README.md on its page and resolves a relative link against the repository that package.json
// names. Without one this link leads nowhere, so the README of the package gives the path of a file instead. The
// guides are read where they are installed: there a link stays if what it leads to is in the package too.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { pathToFileURL } from 'node:url';

const STAGE = 'build/package/stage';

/** Code, where a bracket is no link, or a link or picture to a file of the repository. */
const CODE_OR_LINK =
  /^```[\s\S]*?^```|`[^`\n]*`|(!?)\[((?:`[^`\n]*`|[^\]`])*)\]\((?![a-z]+:|#)([^)\s]+)\)/gm;

/**
 * A text of the package, without the links that would lead nowhere.
 *
 * @param {string} text - Markdown.
 * @param {object} where
 * @param {string} where.path - Its path in the package.
 * @param {ReadonlySet<string>} where.files - What else the package has.
 * @param {boolean} where.isOnPage - Whether it is shown on a page of its own, away from those files.
 */
export function withoutDeadLinks(text, { path, files, isOnPage }) {
  const replaced = text.replace(CODE_OR_LINK, (all, picture, words, target) => {
    if (target === undefined) return all;
    const file = posix.join(posix.dirname(path), target.replace(/#.*/, ''));
    const isShipped = files.has(file);
    if (isShipped && !isOnPage) return all;
    if (picture) return '';
    return isShipped ? `${words} (\`${file}\`)` : words;
  });
  return replaced.replace(/\n{3,}/g, '\n\n');
}

/** Runs npm pack in a folder. Returns what it says of the tarball. */
function npmPack(folder, ...args) {
  const options = ['pack', '--json', '--ignore-scripts', ...args];
  const [packed] = JSON.parse(execFileSync('npm', options, { cwd: folder, encoding: 'utf8' }));
  return packed;
}

function pack(tarball) {
  const paths = npmPack('.', '--dry-run').files.map(({ path }) => path);
  const files = new Set(paths);
  const hasRepository = 'repository' in JSON.parse(readFileSync('package.json', 'utf8'));
  rmSync(STAGE, { recursive: true, force: true });
  for (const path of paths) {
    const to = join(STAGE, path);
    mkdirSync(dirname(to), { recursive: true });
    const isOnPage = path === 'README.md';
    if (!path.endsWith('.md') || (isOnPage && hasRepository)) copyFileSync(path, to);
    else writeFileSync(to, withoutDeadLinks(readFileSync(path, 'utf8'), { path, files, isOnPage }));
  }
  const { filename } = npmPack(STAGE);
  renameSync(join(STAGE, filename), tarball);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, program, tarball] = process.argv;
  if (!tarball) throw new Error(`usage: node ${program} TARBALL`);
  mkdirSync(dirname(tarball), { recursive: true });
  pack(tarball);
}
