// SPDX-License-Identifier: MIT
// service_worker.test - parts of the bridge to a service worker that need no browser: cookies, documents, ports

import { expect, test } from 'vitest';
import { CookieJar } from '../../js/http/page/cookies.ts';
import { receiveStream, sendStream } from '../../js/http/page/port_stream.ts';
import { frame } from '../../js/http/worker/frame.ts';
import { injection } from '../../js/http/worker/inject.ts';

/** A jar with cookies that a response to /a/b has set. */
function jar(...cookies: string[]): CookieJar {
  const filled = new CookieJar();
  for (const cookie of cookies) filled.set(cookie, '/a/b?c=/d/e');
  return filled;
}

test('A cookie is for its path, by default that of the request, and the longest path comes first.', () => {
  const cookies = jar('all=1; Path=/', 'own=2', 'deep=3; path=/a/b', 'odd=4; Path=x', 'x');
  expect(cookies.get('/')).toBe('all=1');
  expect(cookies.get('/a?x')).toBe('own=2; odd=4; x; all=1');
  expect(cookies.get('/a/b/c')).toBe('deep=3; own=2; odd=4; x; all=1');
  expect(cookies.get('/ab')).toBe('all=1');
});

test('A cookie is replaced, expires and is deleted.', () => {
  const cookies = jar(
    'a=1',
    'a=2',
    'b=1; Max-Age=100',
    'c=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT',
  );
  expect(cookies.get('/a')).toBe('a=2; b=1; c=1');
  cookies.set('b=; Max-Age=0', '/a/b');
  cookies.set('c=; Expires=Thu, 01 Jan 1970 00:00:00 GMT', '/a/b');
  cookies.set('a=3; Max-Age=-1; Expires=Thu, 01 Jan 2099 00:00:00 GMT', '/a/b');
  expect(cookies.get('/a')).toBe('');
});

test('A script neither sees nor changes a cookie with HttpOnly.', () => {
  const cookies = jar('id=1; HttpOnly', 'theme=dark');
  expect(cookies.get('/a', true)).toBe('theme=dark');
  cookies.set('id=2', '/a/b', true);
  cookies.set('new=1; HttpOnly', '/a/b', true);
  expect(cookies.get('/a')).toBe('id=1; theme=dark');
});

test('What is no cookie is ignored, and the oldest of too many go.', () => {
  const cookies = jar('', '=', `long=${'x'.repeat(5000)}`, 'bad=\x01', 'tab=a\tb');
  expect(cookies.get('/a')).toBe('tab=a\tb');
  for (let i = 0; i < 400; i++) cookies.set(`n${i}=1`, '/a/b');
  const names = cookies.get('/a').split('; ');
  expect(names).toHaveLength(300);
  expect(names[0]).toBe('n100=1');
});

/** A document with the script in it, sent in pieces of a length. */
async function injected(html: string | Uint8Array, length: number): Promise<string> {
  const bytes = typeof html === 'string' ? new TextEncoder().encode(html) : html;
  const pieces = Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) =>
    bytes.subarray(i * length, (i + 1) * length),
  );
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const stream = source.pipeThrough(injection('<TAG>'));
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    await new Response(stream as unknown as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer(),
  );
}

const DOCUMENTS: [string, string][] = [
  ['<!doctype html><html lang=a><head><title>x', '<!doctype html><html lang=a><head><TAG><title>x'],
  ['\uFEFF<!DOCTYPE html>\n<p>x', '\uFEFF<!DOCTYPE html>\n<TAG><p>x'],
  ['<!-- <head> -->\n<script>1</script>', '<!-- <head> -->\n<TAG><script>1</script>'],
  ['just text', '<TAG>just text'],
  ['<header>x</header>', '<TAG><header>x</header>'],
  ['<!doctype html><html><he', '<!doctype html><html><TAG><he'],
  ['', ''],
];

test.each(DOCUMENTS)(
  'The tag comes in front of all scripts and behind the doctype: %s',
  async (html, result) => {
    for (const length of [1, 5, 1000]) {
      const expected = html === '' ? '<TAG>' : result;
      expect(await injected(html, length)).toBe(expected);
    }
  },
);

test('A document in UTF-16, and one that never begins, stay readable.', async () => {
  const utf16 = Uint8Array.of(0xff, 0xfe, 0x3c, 0, 0x70, 0, 0x3e, 0);
  expect(await injected(utf16, 3)).not.toContain('TAG');
  const comment = `<!-- ${'x'.repeat(20_000)}`;
  expect((await injected(comment, 1000)).length).toBe(comment.length + 5);
});

test('The script for documents names nothing from outside of itself.', () => {
  const body = String(frame);
  // Without a worker that controls the document it does nothing; all it names must be of the browser.
  const run = new Function(
    'navigator',
    `(${body})({ scope: '/vm/', target: '', lock: '', cookies: '' })`,
  );
  run({ serviceWorker: { controller: null } });
  expect(body).not.toMatch(/__vite|__vi_|__name|_WEBPACK_|\$\$/);
});

/** A stream of so many chunks, which tells how many were taken. */
function counted(chunks: number) {
  const state = { pulled: 0, reason: undefined as unknown };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (state.pulled === chunks) return controller.close();
        state.pulled++;
        return controller.enqueue(Uint8Array.of(state.pulled));
      },
      cancel(reason) {
        state.reason = reason;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, state };
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1));
};

test('A stream by a port comes whole, and is not read ahead of its reader by more than eight chunks.', async () => {
  const { stream, state } = counted(30);
  const never = new AbortController().signal;
  const reader = receiveStream(sendStream(stream, never), never).getReader();
  await reader.read();
  await settled();
  expect(state.pulled).toBe(9);
  const rest: number[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    rest.push(...value);
  }
  expect(rest).toEqual(Array.from({ length: 29 }, (_, i) => i + 2));
});

test('A stream by a port ends with its reader, its source and either signal.', async () => {
  const never = new AbortController().signal;
  const one = counted(30);
  await receiveStream(sendStream(one.stream, never), never).cancel(new Error('enough'));
  await settled();
  expect(String(one.state.reason)).toBe('Error: enough');

  const failing = new ReadableStream<Uint8Array>({
    pull: () => Promise.reject(new Error('broken')),
  });
  await expect(receiveStream(sendStream(failing, never), never).getReader().read()).rejects.toThrow(
    'broken',
  );

  const sender = new AbortController();
  const two = counted(30);
  const port = sendStream(two.stream, sender.signal);
  sender.abort(new Error('left'));
  await settled();
  expect(String(two.state.reason)).toBe('Error: left');
  port.close();

  const receiver = new AbortController();
  const three = counted(30);
  const reader = receiveStream(sendStream(three.stream, never), receiver.signal).getReader();
  receiver.abort(new Error('gone'));
  const all = (async () => {
    while (!(await reader.read()).done);
  })();
  await expect(all).rejects.toThrow('gone');
  await settled();
  expect(String(three.state.reason)).toBe('Error: gone');
});
