// SPDX-License-Identifier: MIT
// project - fresh projects in a temporary folder, with the packed tarball installed as users do it
//
// Outside of the repository, so that nothing of its node_modules is found by accident.

import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify, stripVTControlCharacters } from 'node:util';
import { serve } from '../../tools/page/serve.mjs';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FIXTURES = join(ROOT, 'tests/package/fixtures');
/** Folder into which `make test-package` has put the tarball and the bundlers. */
const BUILT = join(ROOT, 'build/package');

/** The tarball under test. */
export const TARBALL = join(BUILT, 'ringstack.tgz');

/** The tarball of ringstack-node. */
export const NODE_TARBALL = join(BUILT, 'ringstack-node.tgz');

const run = promisify(execFile);

const { PATH = '' } = process.env;
/** Bundlers are found by name, as `npm run` finds those of a project; colours only blur messages. */
const env = {
  ...process.env,
  PATH: [join(BUILT, 'node_modules/.bin'), PATH].join(delimiter),
  NO_COLOR: '1',
  FORCE_COLOR: undefined,
};

/** Something with an address that is open until it is closed. */
export interface Site {
  readonly url: string;
  close(): Promise<void>;
}

/** A project of a user, in a folder of its own. */
export class Project {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Copies a fixture and what all fixtures share, links packages of ours, installs the tarball. */
  static async create(fixture: string, links: Readonly<Record<string, string>> = {}) {
    const folder = await mkdtemp(join(tmpdir(), `ringstack-${fixture}-`));
    const project = new Project(folder);
    await cp(join(FIXTURES, 'app'), folder, { recursive: true });
    await cp(join(FIXTURES, fixture), folder, { recursive: true });
    await project.run('npm', 'install', '--offline', '--no-audit', '--no-fund', TARBALL);
    for (const [name, place] of Object.entries(links)) {
      const link = join(folder, 'node_modules', name);
      await mkdir(dirname(link), { recursive: true });
      await symlink(place, link);
    }
    return project;
  }

  /** Runs a program here; gives what it says, or throws all of it if it fails. */
  async run(command: string, ...args: string[]): Promise<string> {
    try {
      return (await run(command, args, { cwd: this.folder, env })).stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout?: string; stderr?: string };
      throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
    }
  }

  /** Installs another tarball of ours. */
  install(tarball: string): Promise<string> {
    return this.run('npm', 'install', '--offline', '--no-audit', '--no-fund', tarball);
  }

  /** Starts a server that tells its address, and waits until it has. */
  start(command: string, ...args: string[]): Promise<Site> {
    // A group of its own: what npm starts goes with it.
    const child = spawn(command, args, { cwd: this.folder, env, detached: true });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const close = async () => {
      if (child.pid && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
      await ended;
    };
    return new Promise((resolve, reject) => {
      let said = '';
      const hear = (bytes: Buffer): void => {
        said += stripVTControlCharacters(bytes.toString());
        const url = /http:\/\/localhost:\d+\//.exec(said)?.[0];
        if (url) resolve({ url, close });
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.once('error', reject);
      ended.then(() => reject(new Error(`${command} ended, having said: ${said}`)));
    });
  }

  /** Serves a folder of it to an isolated page. */
  serve(folder: string): Promise<Site> {
    return serve({ mounts: { '/': join(this.folder, folder) } });
  }

  /** Paths of the files below a folder of it. */
  async files(folder: string): Promise<string[]> {
    const root = join(this.folder, folder);
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/** Place of a package among the bundlers. */
export const bundlerPackage = (name: string): string => join(BUILT, 'node_modules', name);
/** Place of a package among the repository's own. */
export const ownPackage = (name: string): string => join(ROOT, 'node_modules', name);
