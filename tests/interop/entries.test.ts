// SPDX-License-Identifier: MIT
// entries.test - the built files of package.json's subpaths, together: what they share is the same

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ENTRIES } from '../../tools/entries.mjs';
import { outcome } from '../helpers/net.ts';
import { blocksOf } from '../rules/blocks.ts';
import { ROOT, read } from '../rules/files.ts';

const dist = <T>(path: string): Promise<T> => import(join(ROOT, 'dist', path));

test('a NetError of any subpath is one of ringstack', async () => {
  const { NetError, createStack } = await dist<typeof import('ringstack')>('index.js');
  const { connect } = await dist<typeof import('ringstack/link')>('link/link.js');
  const { createFault } = await dist<typeof import('ringstack/fault')>('link/filter/fault.js');
  const { createCapture } = await dist<typeof import('ringstack/pcap')>('link/filter/pcap.js');
  const { connectQemu } = await dist<typeof import('ringstack/qemu')>('link/adapter/qemu.js');
  const { connectWebSocket } = await dist<typeof import('ringstack/websocket')>(
    'link/adapter/websocket.js',
  );
  const { createDns } = await dist<typeof import('ringstack/dns')>('dns/dns.js');
  const one = new TransformStream<Uint8Array, Uint8Array>();
  const failures: (() => unknown)[] = [
    () => connect(one, one),
    () => createFault({ drop: 2 }),
    () => createCapture({ snapLength: 0 }),
    () => connectQemu({}),
    () => connectWebSocket('ws://127.0.0.1:1', { WebSocket: Object, sendQueue: 0 }),
    () => createDns(null, { client: { attempts: 0 } }),
    async () => (await createStack({ maxSockets: 0 })).close(),
  ];
  for (const fails of failures) {
    const failing = (async () => fails())();
    const error = await failing.catch((reason: InstanceType<typeof NetError>) => reason);
    expect(error).toBeInstanceOf(NetError);
    expect(error).toHaveProperty('code', 'EINVAL');
  }
});

test('a session of ringstack/qemu and one of ringstack/websocket have one class', async () => {
  const qemu = await dist<typeof import('ringstack/qemu')>('link/adapter/qemu.js');
  const websocket = await dist<typeof import('ringstack/websocket')>('link/adapter/websocket.js');
  expect(qemu.SessionEndpoint).toBe(websocket.SessionEndpoint);
});

test('every module is in one file of dist, workers apart', () => {
  const files = readdirSync(join(ROOT, 'dist'), { recursive: true, encoding: 'utf8' });
  const maps = files.filter((name) => name.endsWith('.js.map') && !name.startsWith('workers'));
  const places = new Map<string, string[]>();
  for (const name of maps) {
    const { sources } = JSON.parse(read(ROOT, `dist/${name}`)) as { sources: string[] };
    for (const source of sources) {
      const path = join('dist', dirname(name), source);
      expect([name, source, existsSync(join(ROOT, path))]).toEqual([name, source, true]);
      places.set(path, [...(places.get(path) ?? []), name]);
    }
  }
  expect([...places].filter(([, names]) => names.length > 1)).toEqual([]);
  expect(places.get('js/link/endpoint.ts')).toEqual(['link/endpoint.js.map']);
});

test('stacks of dist are joined by its connect()', async () => {
  const { createStack } = await dist<typeof import('ringstack')>('index.js');
  const { connect, wrapEndpoint } = await dist<typeof import('ringstack/link')>('link/link.js');
  const [a, b] = [await createStack(), await createStack()];
  const tapA = await a.createTapInterface({ ip: '10.0.0.1/24' });
  const tapB = await b.createTapInterface({ ip: '10.0.0.2/24' });
  for (const end of [tapB, wrapEndpoint(tapB, {})]) {
    const link = connect(tapA, end);
    expect(await outcome(a.connectTcp({ host: '10.0.0.2', port: 1 }))).toBe('NetError');
    expect(link.statistics.aToB.frames).toBeGreaterThan(0);
    await link.close();
  }
  await a.close();
  await b.close();
});

test('no file imports another one for nothing: bundlers would warn of that', () => {
  const files = readdirSync(join(ROOT, 'dist'), { recursive: true, encoding: 'utf8' });
  const bare = files
    .filter((name) => name.endsWith('.js'))
    .filter((name) => /^import\s*["']/m.test(read(ROOT, `dist/${name}`)));
  expect(bare).toEqual([]);
});

test('no file but those of Node and of workers names a module of Node', () => {
  const files = readdirSync(join(ROOT, 'dist/link'), { recursive: true, encoding: 'utf8' })
    // Those of the kernel's tap run in nothing else.
    .filter((name) => name.endsWith('.js') && !name.includes('linux_tap'));
  for (const name of files) {
    const text = readFileSync(join(ROOT, 'dist/link', name), 'utf8');
    expect([name, /\b(?:from|import|require)\s*\(?["']node:/.test(text)]).toEqual([name, false]);
  }
});

/** Subpaths by files of dist/: what package.json exports, and '' for what it does not. */
const SUBPATHS: ReadonlyMap<string, string> = new Map([
  ...ENTRIES.map(({ specifier, name }) => [`${name}.js`, specifier] as const),
  ['stack.wasm', 'ringstack/stack.wasm'] as const,
]);

test('The table of docs/bundlers.md has every file that is a subpath, and names no other but shared ones.', () => {
  const rows = read(ROOT, 'docs/bundlers.md').matchAll(
    /^\| `([\w/.]+\.(?:js|wasm))` \| (?:`(ringstack[\w/.-]*)`)? ?\|/gm,
  );
  const told = new Map([...rows].map(([, file = '', subpath = '']) => [file, subpath]));
  const files = readdirSync(join(ROOT, 'dist'), { recursive: true, encoding: 'utf8' });
  const built = files.filter((name) => /\.(js|wasm)$/.test(name));
  const published = built.filter((name) => SUBPATHS.has(name));
  expect(published.filter((name) => told.get(name) !== SUBPATHS.get(name))).toEqual([]);
  const others = [...told].filter(([, subpath]) => subpath === '').map(([name]) => name);
  expect(others.filter((name) => !built.includes(name) || SUBPATHS.has(name))).toEqual([]);
  expect(read(ROOT, 'dist/index.js')).toMatch(/from ".\/errors.js"/);
});

test('The import map of docs/bundlers.md has every subpath.', () => {
  const blocks = blocksOf('docs/bundlers.md', read(ROOT, 'docs/bundlers.md'));
  const page = blocks.find(({ language }) => language === 'html')?.source ?? '';
  const [, map = ''] = /<script type="importmap">([^<]*)</.exec(page) ?? [];
  const expected = [...SUBPATHS].map(([file, subpath]) => [
    subpath,
    `./node_modules/ringstack/dist/${file}`,
  ]);
  expect(JSON.parse(map).imports).toEqual(Object.fromEntries(expected));
});
