// SPDX-License-Identifier: MIT
// bundlers.test - the package in projects of bundlers and in a plain page, each opened in Chromium
//
// The projects are in fixtures/, with no more configuration than a user needs; at the end a table says
// what passed.

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { launch } from '../../tools/page/browsers.mjs';
import { bundlerPackage, Project, type Site } from './project.ts';

interface Row {
  readonly bundler: string;
  readonly mode: string;
  readonly fixture: string;
  /** Packages that the project's configuration imports. */
  readonly links?: readonly string[];
  /** Builds the project, if it is to be built. */
  readonly build?: boolean;
  /** Folder of the built page. */
  open(project: Project): Promise<Site>;
}

const ROWS: readonly Row[] = [
  {
    bundler: 'Vite',
    mode: 'dev',
    fixture: 'vite',
    open: (project) => project.start('npm', 'run', 'dev'),
  },
  {
    bundler: 'Vite',
    mode: 'build',
    fixture: 'vite',
    build: true,
    open: (project) => project.start('npm', 'run', 'preview'),
  },
  {
    bundler: 'webpack',
    mode: 'build',
    fixture: 'webpack',
    build: true,
    open: (project) => project.serve('dist'),
  },
  {
    bundler: 'esbuild',
    mode: 'build',
    fixture: 'esbuild',
    build: true,
    open: (project) => project.serve('dist'),
  },
  {
    bundler: 'Rollup',
    mode: 'build',
    fixture: 'rollup',
    links: ['@rollup/plugin-node-resolve', '@web/rollup-plugin-import-meta-assets'],
    build: true,
    open: (project) => project.serve('dist'),
  },
  { bundler: 'none', mode: 'page', fixture: 'plain', open: (project) => project.serve('.') },
];

/** Forms of `wasm` and `worker`; fixtures/vite/src/overrides.js makes them. */
const OVERRIDES = [
  'wasm: URL',
  'wasm: string',
  'wasm: bytes',
  'wasm: Module',
  'worker: URL',
  'worker: string',
  'worker: factory',
];

/** Globals of the pages. */
type Page = typeof globalThis & {
  roundTrip(options: object, text: string): Promise<{ echo: string; engines: string }>;
  overrides: Record<string, () => object>;
};

const results: string[][] = [];
let browser: Awaited<ReturnType<typeof launch>>;

beforeAll(async () => {
  browser = await launch('chromium');
});

afterAll(async () => {
  await browser.close();
  const table = [['bundler', 'mode', 'engine', ''], ...results];
  const widths = [10, 8, 20, 0];
  console.log(
    table.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('')).join('\n'),
  );
});

/** A line of the table for the running test. */
function record({ bundler, mode }: Row, what: string): void {
  onTestFinished(({ task }) => {
    results.push([bundler, mode, what, task.result?.state === 'pass' ? 'passed' : 'failed']);
  });
}

/** A page of a site: the same for all that is asked of it, as a user's would be. */
class Tab {
  readonly #said: string[] = [];
  #tab: Awaited<ReturnType<typeof browser.open>> | undefined;

  async open(url: string): Promise<void> {
    this.#tab = await browser.open(url, { onConsole: (text: string) => this.#said.push(text) });
  }

  /** Waits for a global of the page, then runs a function in it. */
  async run<T, A>(name: string, use: (arg: A) => Promise<T>, arg: A): Promise<T> {
    const tab = this.#tab;
    if (!tab) throw new Error('Cannot run anything in a page that is not open');
    try {
      await tab.page.waitForFunction(`globalThis.${name}`, undefined, { timeout: 20_000 });
      return (await tab.evaluate(use, arg)) as T;
    } catch (error) {
      // The console of the page explains why it does not work.
      throw new Error(`${error}\nThe page said: ${this.#said.join('\n')}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#tab?.close();
  }
}

/** Text of the JavaScript files of a build. */
async function scripts(files: readonly string[]): Promise<string[]> {
  const names = files.filter((file) => file.endsWith('.js'));
  return Promise.all(names.map((file) => readFile(file, 'utf8')));
}

describe.each(ROWS)('$bundler, $mode', (row) => {
  let project: Project;
  let site: Site | undefined;
  let log = '';
  const tab = new Tab();

  beforeAll(async () => {
    const links = (row.links ?? []).map((name) => [name, bundlerPackage(name)]);
    project = await Project.create(row.fixture, Object.fromEntries(links));
    if (row.build) log = await project.run('npm', 'run', 'build');
    site = await row.open(project);
    await tab.open(site.url);
  });

  afterAll(async () => {
    await tab.close();
    await site?.close();
    await project.remove();
  });

  test.for(['inline', 'worker', 'auto'])('round trip, engine: %s', async (engine) => {
    record(row, engine);
    const text = `over ${row.bundler}, ${engine}`;
    const roundTrip = (args: { engine: string; text: string }) =>
      (globalThis as Page).roundTrip({ engine: args.engine }, args.text);
    const result = await tab.run('roundTrip', roundTrip, { engine, text });
    const turned = engine === 'inline' ? 'inline' : 'worker';
    expect(result).toEqual({ echo: text, engines: `${turned} ${turned}` });
  });

  if (row.build) {
    test('one copy of each file, and no complaint', async () => {
      record(row, 'one copy of each');
      const files = await project.files('dist');
      expect(files.filter((file) => file.endsWith('.wasm'))).toHaveLength(1);
      const texts = await scripts(files);
      // A name that only the inline engine and the worker's file have.
      expect(texts.filter((text) => text.includes('rs_stack_init'))).toHaveLength(2);
      expect(texts.filter((text) => /data:[\w/-]+;base64/.test(text))).toHaveLength(0);
      expect(log).not.toMatch(/warning/i);
    });
  }

  if (row.fixture === 'vite') {
    test.for(OVERRIDES)('%s', async (form) => {
      record(row, form);
      const use = async (name: string) => {
        const page = globalThis as Page;
        const options = { engine: 'worker', ...(await page.overrides[name]?.()) };
        return { keys: Object.keys(options), ...(await page.roundTrip(options, name)) };
      };
      const { keys, echo } = await tab.run('overrides', use, form);
      expect(keys).toContain(form.replace(/:.*/, ''));
      expect(echo).toBe(form);
    });
  }
});
