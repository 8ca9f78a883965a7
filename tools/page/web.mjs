// SPDX-License-Identifier: MIT
// web - builds the page of web/ into build/web, serves it, or takes its picture
//
// usage: node tools/page/web.mjs build | serve | screenshot
//
//   build       build/web is whole in itself, with relative addresses: any folder of any host will do;
//               SERVICE_WORKER=1 has it isolate itself where the host sends no headers, by the service
//               worker of docs/isolation.md
//   serve       builds, then serves until Ctrl-C; PORT (default 8080) and HOST (default 127.0.0.1)
//   screenshot  builds, then docs/try-it.png, from a run in Chromium
//
// It is what a user of the package would do: dist/index.js is bundled, and what it looks for beside itself
// (stack.wasm, workers/engine.js) is copied there.
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build as bundle } from 'esbuild';
import { ENTRIES } from '../entries.mjs';
import { launch } from './browsers.mjs';
import { serve, serveForPerson } from './serve.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SCREENSHOT = `${ROOT}docs/try-it.png`;

/** Folder of the built page. */
export const PAGE = `${ROOT}build/web`;

/**
 * Bundles scripts of a page as users of the package would.
 *
 * @param options - `entries`: paths below web/ by the names they get; `out`: a folder; `plugins` of esbuild.
 */
export async function bundleScripts({ entries, out, plugins = [] }) {
  const sources = Object.entries(entries).map(([name, path]) => [name, `${ROOT}web/${path}`]);
  await bundle({
    entryPoints: Object.fromEntries(sources),
    outdir: out,
    bundle: true,
    minify: true,
    sourcemap: true,
    format: 'esm',
    target: 'es2022',
    // tsconfig.json points these at the sources, this at what is shipped.
    alias: Object.fromEntries(
      ENTRIES.map(({ specifier, name }) => [specifier, `${ROOT}dist/${name}.js`]),
    ),
    external: ['node:*'],
    plugins,
    logLevel: 'warning',
  });
}

/** The service worker that docs/isolation.md shows. */
async function serviceWorkerScript() {
  const guide = await readFile(`${ROOT}docs/isolation.md`, 'utf8');
  const block = /^```js\n(\/\/ isolate\.js - [\s\S]*?)^```$/m.exec(guide);
  if (!block) throw new Error('Cannot find isolate.js in docs/isolation.md');
  return `// SPDX-License-Identifier: MIT\n${block[1]}`;
}

/**
 * Builds the page from web/ and dist/.
 *
 * @param {{ out?: string, serviceWorker?: boolean }} options - `out`: a folder, which is replaced;
 *   `serviceWorker`: with isolate.js, for hosts that send no headers of ours.
 */
export async function buildPage({ out = PAGE, serviceWorker = false } = {}) {
  await rm(out, { recursive: true, force: true });
  await mkdir(`${out}/workers`, { recursive: true });
  await bundleScripts({ entries: { main: 'main.ts', host: 'workers/host.ts' }, out });
  const copies = {
    'web/style.css': 'style.css',
    'dist/stack.wasm': 'stack.wasm',
    'dist/workers/engine.js': 'workers/engine.js',
  };
  const page = await readFile(`${ROOT}web/index.html`, 'utf8');
  const installer = serviceWorker ? '<script src="./isolate.js"></script>\n  ' : '';
  await Promise.all([
    ...Object.entries(copies).map(([from, to]) => cp(`${ROOT}${from}`, `${out}/${to}`)),
    serviceWorker && writeFile(`${out}/isolate.js`, await serviceWorkerScript()),
    writeFile(`${out}/index.html`, page.replace('</head>', `${installer}</head>`)),
  ]);
}

/** Lets it run for a while and opens the SYN, as a visitor would. */
async function takePicture() {
  const server = await serve({ mounts: { '/': PAGE } });
  const browser = await launch('chromium');
  const { page } = await browser.open(server.url, { viewport: { width: 1100, height: 920 } });
  const counted = (id, least) =>
    page.waitForFunction(
      ([id, least]) => Number(document.getElementById(id).value) > least,
      [id, least],
    );
  await page.getByRole('textbox', { name: 'Line to send' }).fill('hello');
  await page.keyboard.press('Enter');
  await page.locator('#echo-log .back').waitFor();
  await page.getByRole('option', { name: /\[SYN\]/ }).click();
  await page.getByLabel('Transfer').selectOption('both');
  await page.getByRole('button', { name: 'Start' }).click();
  await counted('received', 2e9);
  await page.getByLabel('Loss').fill('1');
  await counted('retransmits', 20);
  await page.getByLabel('Loss').fill('0');
  await counted('received', 6e9);
  await mkdir(dirname(SCREENSHOT), { recursive: true });
  await page.screenshot({ path: SCREENSHOT });
  await browser.close();
  await server.close();
}

/**
 * The main function of a program that builds a page: builds, then does what the command line says.
 *
 * @param self - `import.meta.url` of the program.
 * @param page - `folder` of the build; `build()` makes it; `shows`: what it does, behind its address;
 *   `takePicture()`.
 */
export async function runPageTool(self, { folder, build, shows, takePicture }) {
  const [, program = '', wanted] = process.argv;
  if (self !== pathToFileURL(program).href) return;
  const goals = {
    build: () => console.log(`${folder} holds the page`),
    serve: () => serveForPerson({ mounts: { '/': folder } }, shows),
    screenshot: takePicture,
  };
  const goal = goals[wanted];
  if (!goal) throw new Error(`usage: node ${program} build | serve | screenshot`);
  await build();
  await goal();
}

await runPageTool(import.meta.url, {
  folder: PAGE,
  build: () => buildPage({ serviceWorker: process.env.SERVICE_WORKER === '1' }),
  shows: 'shows the page',
  takePicture,
});
