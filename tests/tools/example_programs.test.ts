// SPDX-License-Identifier: MIT
// example_programs.test - examples/ is what its table says, and those that need nothing but Node print what they should

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { output } from '../helpers/programs.ts';
import { ROOT } from '../rules/files.ts';

const FOLDER = join(ROOT, 'examples');
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.mjs'));

/** Runs an example as a person would. Returns what it printed. */
const run = (name: string, ...args: string[]): Promise<string> =>
  output(process.execPath, [join(FOLDER, `${name}.mjs`), ...args]);

test('the table has every example, and a command for it', () => {
  const table = readFileSync(join(FOLDER, 'README.md'), 'utf8');
  const commands = [...table.matchAll(/^\| `node examples\/(\S+?\.mjs)/gm)].map(([, name]) => name);
  expect(commands.sort()).toEqual(FILES.sort());
});

test.each(FILES)('%s is short, and its types are checked', (name) => {
  const text = readFileSync(join(FOLDER, name), 'utf8');
  expect(text.split('\n').length).toBeLessThanOrEqual(80);
  expect(text).toMatch(/^\/\/ @ts-check$/m);
  expect(text).not.toMatch(/from '\.\.?\//);
});

test('two_process_bridge: every byte arrives in the other process', async () => {
  const printed = await run('two_process_bridge', '2');
  expect(printed).toMatch(/^server: 10\.0\.0\.2 has connected$/m);
  expect(printed).toMatch(/^client: the server has counted 2097152 of 2097152 bytes$/m);
});

test('proxy: a URL and a tunnel reach a server of the machine', async () => {
  const printed = await run('proxy');
  expect(printed).toMatch(/^proxy: GET http:\/\/127\.0\.0\.1:\d+\/$/m);
  expect(printed).toMatch(/^proxy: CONNECT 127\.0\.0\.1:\d+$/m);
  expect(printed.match(/^Hello from the real network$/gm)).toHaveLength(2);
});

test('websocket_relay: one stack hears the other', async () => {
  expect(await run('websocket_relay')).toBe('bob says: HELLO OVER A RELAY\n');
});

test('wireguard_relay: what is sent through WireGuard arrives', async () => {
  expect(await run('wireguard_relay')).toBe('the peer reads: hello through WireGuard\n');
});

test('ntp_server: a client sees how far its clock is ahead', async () => {
  expect(await run('ntp_server')).toBe('the server is 60 minutes ahead\n');
});

test('hub: two stacks reach a third', async () => {
  expect(await run('hub')).toBe(
    '10.0.0.1 echoes: hello from 10.0.0.2\n10.0.0.1 echoes: hello from 10.0.0.3\n',
  );
});

test.each([
  ['v86_http', /^Run node examples\/v86_http\.mjs/],
  ['qemu_guest', /^There is no \/nowhere: run /],
])('%s without a guest says what to do', async (name, words) => {
  expect(await run(name, ...(name === 'qemu_guest' ? ['/nowhere', '/nowhere'] : []))).toMatch(
    words,
  );
});
