// SPDX-License-Identifier: MIT
// vm_demo - builds the page of web/vm/ into build/vm-demo, serves it, or takes its picture
//
// usage: node tools/page/vm_demo.mjs build | serve | screenshot
//
//   build       build/vm-demo is whole in itself, with relative addresses: any folder of any host will do
//   serve       builds, then serves until Ctrl-C; PORT (default 8080) and HOST (default 127.0.0.1)
//   screenshot  builds, then docs/vm-demo.png, from a run in Chromium
//
// Beside the scripts it has v86 from node_modules and, in guest/, what the guest is made of, under names
// that change with the content, so that the page may keep them: the kernel, the archive it starts from, the
// firmware, and for each network card the state of a guest that has booted, from which both guests go on.
// guest/guest.json lists them.
import { createHash } from 'node:crypto';
import { cp, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { CARDS, demoState, emulatorOptions, guestFiles } from '../guest/vm_demo_guest.mjs';
import { launch } from './browsers.mjs';
import { serve } from './serve.mjs';
import { bundleScripts, runPageTool } from './web.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SCREENSHOT = `${ROOT}docs/vm-demo.png`;

/** Folder of the built page. */
export const VM_PAGE = `${ROOT}build/vm-demo`;

/** v86 stays a file of its own, as its authors have made it. */
const v86Beside = {
  name: 'v86-beside',
  setup({ onResolve }) {
    onResolve({ filter: /^v86$/ }, () => ({ path: './v86/libv86.mjs', external: true }));
  },
};

/** Puts the guest's files into a folder. Returns what guest.json says of them. */
async function writeGuest(out, onStep) {
  onStep('Finding the kernel, busybox and the firmware');
  const guest = guestFiles();
  const files = {};
  for (const [name, data] of Object.entries(guest.files)) {
    const hash = createHash('sha256').update(data).digest('hex').slice(0, 12);
    files[name] = { path: `guest/${name}-${hash}`, size: data.length };
    await writeFile(`${out}/${files[name].path}`, data);
  }
  const cards = {};
  for (const card of Object.keys(CARDS)) {
    const path = await demoState(card, guest, onStep);
    const to = `guest/${path
      .split('/')
      .at(-1)
      .replace(/^demo-(.*)\.zst$/, '$1.state')}`;
    await cp(path, `${out}/${to}`);
    const { size } = await stat(path);
    cards[card] = { options: emulatorOptions(card), state: { path: to, size } };
  }
  return { files, cards };
}

/**
 * Builds the page from web/vm/, dist/, v86 and the guest, which is fetched and booted the first time.
 *
 * @param {{ out?: string, onStep?: (what: string) => void }} options - `out`: a folder, which is replaced;
 *   `onStep` is told of what may take long.
 * @throws If the guest cannot be fetched or does not boot.
 */
export async function buildVmPage({ out = VM_PAGE, onStep = () => {} } = {}) {
  await rm(out, { recursive: true, force: true });
  for (const folder of ['guest', 'v86', 'workers']) {
    await mkdir(`${out}/${folder}`, { recursive: true });
  }
  const entries = { main: 'vm/main.ts', machine: 'vm/machine.ts', network: 'vm/network.ts' };
  await bundleScripts({ entries, out, plugins: [v86Beside] });
  const copies = {
    'web/style.css': 'style.css',
    'web/vm/vm.css': 'vm.css',
    'web/vm/index.html': 'index.html',
    'dist/stack.wasm': 'stack.wasm',
    'dist/workers/engine.js': 'workers/engine.js',
    'node_modules/v86/build/libv86.mjs': 'v86/libv86.mjs',
    'node_modules/v86/build/v86.wasm': 'v86/v86.wasm',
    'node_modules/v86/LICENSE': 'v86/LICENSE',
  };
  await Promise.all(
    Object.entries(copies).map(([from, to]) => cp(`${ROOT}${from}`, `${out}/${to}`)),
  );
  await writeFile(`${out}/guest/guest.json`, JSON.stringify(await writeGuest(out, onStep)));
}

/** Does what a visitor would, the second time they come. */
async function takePicture() {
  const server = await serve({ mounts: { '/': VM_PAGE } });
  const browser = await launch('chromium');
  const { page } = await browser.open(server.url, { viewport: { width: 1366, height: 860 } });
  const up = () => page.waitForSelector('[data-state=up]', { timeout: 120_000 });
  await up();
  await page.reload();
  await up();
  const run = async (guest, line) => {
    await page.getByRole('textbox', { name: `Console of ${guest}` }).focus();
    await page.keyboard.type(`${line}\n`);
  };
  await run('alpha', 'ping -c 3 beta');
  await page.locator('.guest.alpha .rows', { hasText: '3 packets received' }).waitFor();
  await run('beta', 'wget -q -O - http://page/');
  await page.locator('.guest.beta .rows', { hasText: 'Hello from' }).waitFor();
  await run('beta', 'wget -O /dev/null http://alpha/20MB');
  await page.locator('.guest.beta .rows', { hasText: 'saved' }).waitFor();
  await run('beta', 'wget -O /dev/null http://alpha/20MB');
  await page.locator('#wire-beta .to', { hasText: 'Mbit/s' }).waitFor();
  await page.screenshot({ path: SCREENSHOT });
  await browser.close();
  await server.close();
}

await runPageTool(import.meta.url, {
  folder: VM_PAGE,
  build: () => buildVmPage({ onStep: (what) => console.log(`${what}…`) }),
  shows: 'runs two Linux guests in the browser',
  takePicture,
});
