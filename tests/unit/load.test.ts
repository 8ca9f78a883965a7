// SPDX-License-Identifier: MIT
// load.test - a module that is missing, or is something else, says so and where to read on

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createArena, createStack, type NetError } from 'ringstack';
import { afterAll, beforeAll, expect, test } from 'vitest';

const HELP = 'see docs/bundlers.md';
const PAGE = '<!doctype html><title>404</title>';

/** Answers every path with a page: status 200 below /page, else 404. */
const server = createServer(({ url }, response) => {
  response.writeHead(url?.startsWith('/page') ? 200 : 404, { 'Content-Type': 'text/html' });
  response.end(PAGE);
});
let base = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

/** The error of createStack(), and of createArena(), which is the same. */
async function errorOf(wasm: unknown): Promise<NetError> {
  const fail = (error: NetError): NetError => error;
  const options = { wasm } as object;
  const [one, other] = await Promise.all([
    createStack(options).then(() => undefined, fail),
    createArena(options).then(() => undefined, fail),
  ]);
  expect(one).toMatchObject({ name: 'NetError', message: other?.message });
  return one as NetError;
}

test('a URL that is not there', async () => {
  const url = `${base}/stack.wasm`;
  const error = await errorOf(url);
  expect([error.code, error.message]).toEqual([
    'ENOENT',
    `Cannot load the module from '${url}': status 404; ${HELP}`,
  ]);
});

test('a server that is not there', async () => {
  const error = await errorOf(new URL('http://127.0.0.1:1/stack.wasm'));
  expect(error.code).toBe('ENOENT');
  expect(error.message).toMatch(/^Cannot load the module from 'http:.*; see docs\/bundlers\.md$/);
  expect(error.cause).toBeInstanceOf(Error);
});

test('a page in its place', async () => {
  const error = await errorOf(`${base}/page`);
  expect([error.code, error.message]).toEqual([
    'EINVAL',
    `Cannot load the module from '${base}/page': it is HTML, not WebAssembly; ${HELP}`,
  ]);
});

test('a file that is not there', async () => {
  const error = await errorOf(new URL('file:///nowhere/stack.wasm'));
  expect([error.code, error.message]).toEqual([
    'ENOENT',
    `Cannot load the module from 'file:///nowhere/stack.wasm': not found; ${HELP}`,
  ]);
});

const MAGIC = [0, 0x61, 0x73, 0x6d];

test.each([
  [new TextEncoder().encode(PAGE), 'it is HTML, not WebAssembly'],
  [new Uint8Array(0), 'it is not WebAssembly'],
  [new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7]).buffer, 'it is not WebAssembly'],
  [new Uint8Array([...MAGIC, 9, 9, 9, 9]), 'WebAssembly.compile(): '],
])('bytes that are no module (%#)', async (wasm, reason) => {
  const error = await errorOf(wasm);
  expect(error.code).toBe('EINVAL');
  expect(error.message).toContain(`Cannot load the module from these bytes: ${reason}`);
  expect(error.message).toContain(HELP);
});
