// SPDX-License-Identifier: MIT
// wireguard.test - the packed tarball of ringstack-wireguard in a fresh project, beside that of ringstack

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownPackage, Project, ROOT } from './project.ts';

const TARBALL = join(ROOT, 'build/package/ringstack-wireguard.tgz');
const run = promisify(execFile);

let project: Project;
beforeAll(async () => {
  const names = ['@types/node', 'undici-types'];
  project = await Project.create('node');
  await project.run('npm', 'install', '--offline', '--no-audit', '--no-fund', TARBALL);
  for (const name of names) {
    await run('mkdir', ['-p', join(project.folder, 'node_modules/@types')]);
    await run('ln', ['-s', ownPackage(name), join(project.folder, 'node_modules', name)]);
  }
});
afterAll(() => project.remove());

test('it holds dist/ and texts, and nothing that may be run', async () => {
  const { stdout } = await run('tar', ['tvzf', TARBALL]);
  const files = stdout.trimEnd().split('\n');
  const paths = files.map((line) => line.replace(/.* package\//, ''));
  const known =
    /^(?:package\.json|README\.md|LICENSE|dist\/[\w/]+\.(?:d\.ts|d\.wasm\.ts|js|js\.map|wasm))$/;
  expect(paths.filter((path) => !known.test(path))).toEqual([]);
  for (const path of ['dist/index.js', 'dist/index.d.ts', 'dist/wireguard.wasm', 'LICENSE']) {
    expect(paths).toContain(path);
  }
  expect(new Set(files.map((line) => line.slice(0, 10)))).toEqual(new Set(['-rw-r--r--']));
});

test('publint has nothing to say, and the types are not wrong', async () => {
  const bin = ownPackage('.bin');
  const lint = await run(join(bin, 'publint'), ['run', TARBALL, '--strict'], { cwd: ROOT });
  expect(lint.stdout).toMatch(/All good!/);
  const args = [TARBALL, '--profile', 'esm-only', '--format', 'ascii', '--no-color', '--no-emoji'];
  const { stdout } = await run(join(bin, 'attw'), args, { cwd: ROOT });
  expect(stdout).toMatch(/"ringstack-wireguard"\n\nnode16 \(from ESM\): OK/);
});

const PROGRAM = `
import { createStack, NetError } from 'ringstack';
import { createWireGuard, generateKey, publicKey } from 'ringstack-wireguard';
const [outer, a, b] = [await createStack(), await createStack(), await createStack()];
const [keyA, keyB] = [generateKey(), generateKey()];
const [udpA, udpB] = [await outer.openUdp({ port: 1 }), await outer.openUdp({ port: 2 })];
const wgA = await createWireGuard(a, { privateKey: keyA, ip: '10.9.0.1/24', transport: udpA });
const wgB = await createWireGuard(b, { privateKey: keyB, ip: '10.9.0.2/24', transport: udpB });
await wgA.setPeer({ publicKey: await publicKey(keyB), allowedIps: ['10.9.0.2'], endpoint: '127.0.0.1:2' });
await wgB.setPeer({ publicKey: await publicKey(keyA), allowedIps: ['10.9.0.1'] });
const listener = await b.listenTcp({ port: 80 });
const connection = await a.connectTcp({ host: '10.9.0.2', port: 80 });
const from = (await listener.accept()).remoteAddress;
const error = await wgA.setPeer({ publicKey: 'x' }).catch((reason) => reason);
connection.abort();
for (const one of [wgA, wgB, a, b, outer]) await one.close();
console.log(JSON.stringify({ from, isNetError: error instanceof NetError }));
`;

test('a tunnel between two stacks, and errors of the class of ringstack', async () => {
  await writeFile(join(project.folder, 'tunnel.js'), PROGRAM);
  const printed = await project.run(process.execPath, 'tunnel.js');
  expect(JSON.parse(printed)).toEqual({ from: '10.9.0.1', isNetError: true });
});

test.each([
  ['Node', '["ES2022"]', '["node"]'],
  ['a page', '["ES2022", "DOM"]', '[]'],
])(
  'its declarations compile under strict settings, with the types of %s',
  async (_, lib, types) => {
    const consumer = `
    import type { NetworkStack, UdpSocket } from 'ringstack';
    import { createWireGuard, parseConfig, type WireGuardInterface } from 'ringstack-wireguard';
    export async function open(stack: NetworkStack, socket: UdpSocket): Promise<WireGuardInterface> {
      const wg = await createWireGuard(stack, { ...parseConfig('[Interface]'), transport: socket });
      const count: number = wg.statistics.dropped.replay;
      // @ts-expect-error It is a number.
      const text: string = wg.statistics.dropped.replay;
      void [count, text];
      return wg;
    }`;
    await writeFile(join(project.folder, 'consumer.ts'), consumer);
    const config = `{ "compilerOptions": { "strict": true, "exactOptionalPropertyTypes": true, "noEmit": true,
    "noUncheckedIndexedAccess": true, "skipLibCheck": false, "target": "ES2022", "module": "nodenext",
    "moduleResolution": "nodenext", "lib": ${lib}, "types": ${types} }, "files": ["consumer.ts"] }`;
    await writeFile(join(project.folder, 'tsconfig.json'), config);
    const tsc = join(ownPackage('typescript'), 'bin/tsc');
    const { stdout } = await run(process.execPath, [tsc, '-p', project.folder]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('');
  },
);

test('no file of it says anything of this machine', async () => {
  const folder = join(project.folder, 'node_modules/ringstack-wireguard/dist');
  const text = await readFile(join(folder, 'index.js.map'), 'utf8');
  expect(text).not.toContain(ROOT);
});
