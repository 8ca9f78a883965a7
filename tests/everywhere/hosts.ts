// SPDX-License-Identifier: MIT
// hosts - what the tests run in: programs that take a file, and browsers that open a page for it
//
// A host opens once and runs files until it is closed, several at a time. How a file went is told by its
// lines alone (tests/everywhere/events.ts); a host only says when nothing can come any more.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

import { findBrowser, launch } from '../../tools/page/browsers.mjs';
import { serve } from '../../tools/page/serve.mjs';
import { OUT } from './bundle.ts';
import { launchWebKit, whyNoWebKit } from './webkit.ts';

/** One file under way. */
export interface Running {
  /** Settles when no more lines can come, with the reason. */
  readonly ended: Promise<string>;
  /** Says what can be told of a file that is silent. */
  explain(): Promise<string>;
  stop(): Promise<void>;
}

/** A host that was opened. */
export interface OpenHost {
  readonly version: string;
  start(file: string, setting: Setting, onLine: (line: string) => void): Promise<Running>;
  close(): Promise<void>;
}

/** How a file is run. */
export interface Setting {
  readonly engine: 'inline' | 'worker';
  /** In a browser: whether the page is cross-origin isolated. */
  readonly isolated?: boolean;
}

/** A host that may be there. */
export interface Host {
  readonly name: string;
  readonly settings: readonly Setting[];
  /** May be missing even where all must be there. */
  readonly isOptional?: boolean;
  /** Why it cannot be opened; undefined: it can. */
  missing(): string | undefined;
  open(): Promise<OpenHost>;
}

const BOTH: readonly Setting[] = [{ engine: 'inline' }, { engine: 'worker' }];

const PAGES: readonly Setting[] = [
  { engine: 'inline', isolated: true },
  { engine: 'worker', isolated: true },
  { engine: 'inline', isolated: false },
];

const platform = `${process.platform}-${process.arch}`;
const modules = `${OUT}/runtimes/node_modules`;

/** Calls back for every whole line of a stream. */
function eachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  });
}

function startProcess(path: string, args: readonly string[], engine: string) {
  return async (file: string, onLine: (line: string) => void): Promise<Running> => {
    const child = spawn(path, [...args, `${OUT}/${file}.js`], {
      env: { ...process.env, RINGSTACK_ENGINE: engine, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    eachLine(child.stdout, onLine);
    eachLine(child.stderr, onLine);
    const ended = new Promise<string>((resolve) => {
      child.on('error', (error) => resolve(`It did not start: ${error.message}`));
      child.on('close', (code, signal) => resolve(`It ended with ${signal ?? `code ${code}`}`));
    });
    const stop = async (): Promise<void> => {
      child.kill('SIGKILL');
      await ended;
    };
    return { ended, explain: async () => 'the process lives', stop };
  };
}

/** A program that runs a module. */
function program(name: string, path: string, args: readonly string[]): Host {
  return {
    name,
    settings: BOTH,
    missing: () => (existsSync(path) ? undefined : `npm has no package of it for ${platform}`),
    open: async () => {
      let version = '';
      const asking = spawn(path, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] });
      eachLine(asking.stdout, (line) => {
        version ||= /\d+(\.\d+)+/.exec(line)?.[0] ?? '';
      });
      await new Promise((resolve) => asking.on('close', resolve));
      return {
        version: `${name.replace(/ .*/, '')} ${version}`,
        start: (file, { engine }, onLine) => startProcess(path, args, engine)(file, onLine),
        close: async () => {},
      };
    },
  };
}

/** The browsers that tools/page/browsers.mjs and tests/everywhere/webkit.ts launch. */
export interface Browser {
  readonly version: string;
  open(url: string, options: { onConsole(text: string): void }): Promise<BrowserPage>;
  close(): Promise<void>;
}

/** A page of one. */
export interface BrowserPage {
  /** Settles with the reason when the page crashed or was closed; a driver that cannot tell has none. */
  readonly gone?: Promise<string>;
  evaluate?(run: () => unknown): Promise<unknown>;
  close(): Promise<void>;
}

/** ms in which a page whose event loop turns answers, on a busy machine too. */
const PATIENCE = 10_000;

/**
 * Says whether a silent page's event loop turns: a test that waits for nothing lets it, one that loops does not.
 *
 * @param page - The page.
 * @param patience - ms that it has to answer.
 */
export async function explainSilence(page: BrowserPage, patience = PATIENCE): Promise<string> {
  if (!page.evaluate) return 'the page cannot be asked';
  const asked = page.evaluate(() => 'the event loop of the page turns').then(String, String);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('the event loop of the page stands still'), patience);
  });
  const answer = await Promise.race([asked, late]);
  clearTimeout(timer);
  return answer;
}

async function openBrowser(start: () => Promise<Browser>): Promise<OpenHost> {
  const mounts = {
    '/dist/': 'dist',
    [`/${OUT}/`]: OUT,
    '/tests/': 'tests/everywhere',
  };
  const servers = [await serve({ mounts, isolated: false }), await serve({ mounts })] as const;
  const browser = await start();
  return {
    version: browser.version,
    async start(file, { engine, isolated }, onLine) {
      const url = `${servers[isolated ? 1 : 0].url}tests/page.html?file=/${OUT}/${file}.js&engine=${engine}&relay=${process.env['RINGSTACK_RELAY']}`;
      const page = await browser.open(url, { onConsole: onLine });
      // A page says itself that it is done; that it hangs, only the clock says.
      return {
        ended: page.gone ?? new Promise(() => {}),
        explain: () => explainSilence(page),
        stop: () => page.close(),
      };
    },
    async close() {
      await browser.close();
      for (const server of servers) await server.close();
    },
  };
}

function browserHost(label: string, name: 'chromium' | 'firefox'): Host {
  return {
    name: label,
    settings: PAGES,
    missing: () => (findBrowser(name) ? undefined : 'not installed'),
    open: () => openBrowser(() => launch(name)),
  };
}

/** The program in a package of tests/everywhere/runtimes. */
const bin = (name: string, file: string): string => `${modules}/${name}/${file}`;

const bunPlatform = platform.replace('arm64', 'aarch64');
const denoPlatform = process.platform === 'linux' ? `${platform}-glibc` : platform;

/** All hosts, in the order of the table. */
export const HOSTS: readonly Host[] = [
  ...[20, 22, 24].map((major) =>
    program(`Node ${major}`, bin(`node${major}-${platform}`, 'bin/node'), ['--expose-gc']),
  ),
  program('Deno', bin(`@deno/${denoPlatform}`, 'deno'), [
    ...['run', '--allow-all', '--no-config', '--no-lock', '--v8-flags=--expose-gc'],
    '--node-modules-dir=manual',
  ]),
  program('Bun', bin(`@oven/bun-${bunPlatform}`, 'bin/bun'), ['run']),
  browserHost('Chromium', 'chromium'),
  browserHost('Firefox', 'firefox'),
  {
    name: 'WebKitGTK',
    // It refuses to post a shared memory, so that the worker engine is refused: see worker.test.ts.
    settings: PAGES.filter(({ engine }) => engine === 'inline'),
    isOptional: true,
    missing: whyNoWebKit,
    open: () => openBrowser(launchWebKit),
  },
];
