// SPDX-License-Identifier: MIT
// service_worker.test - a server of the stack at a path of the page, in browsers: bridgeServiceWorker()
//
// service_worker/ has the page, its worker and the server. Each test has an origin of its own, so that nothing of
// another one is left there.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { findBrowser, launch } from '../../tools/page/browsers.mjs';
import { serve } from '../../tools/page/serve.mjs';
import { ROOT } from '../rules/files.ts';

type Browser = Awaited<ReturnType<typeof launch>>;
type Tab = Awaited<ReturnType<Browser['open']>>;

/** A site with the page. */
async function site(isolated: boolean): Promise<string> {
  const mounts = {
    '/': join(ROOT, 'tests/web/service_worker'),
    '/ringstack/': join(ROOT, 'dist'),
  };
  const server = await serve({ mounts, isolated });
  onTestFinished(() => server.close());
  return server.url;
}

/** Waits until the page has bridged. */
async function bridged(tab: Tab): Promise<string> {
  await tab.page.waitForFunction('globalThis.bridged');
  return tab.evaluate('globalThis.bridged');
}

describe.each(['chromium', 'firefox'])('%s', (name) => {
  let browser: Browser;
  const isThere = findBrowser(name) !== undefined;
  beforeAll(async () => {
    if (isThere) browser = await launch(name);
  });
  afterAll(() => browser?.close());

  /** Opens the page; gives what runs code in it. */
  async function open({ isolated = false } = {}) {
    const url = await site(isolated);
    const tab = await browser.open(url);
    onTestFinished(() => tab.close().catch(() => {}));
    expect(await bridged(tab)).toBe(`${url}vm/`);
    const run = (code: string): Promise<unknown> => tab.evaluate(code);
    return { url, tab, run };
  }

  /** Opens another tab of the same profile. */
  async function openBeside(tab: Tab, url: string): Promise<Tab> {
    const other = await browser.open(url, { beside: tab });
    onTestFinished(() => other.close().catch(() => {}));
    return other;
  }

  test.skipIf(!isThere)('a document in a frame has its scripts, styles and images', async () => {
    const { run } = await open();
    expect(await run(`lab.show('/vm/')`)).toMatch(/^Guest\n/);
    const parts = `return [document.compatMode, document.querySelector('img').naturalWidth,
      getComputedStyle(document.querySelector('#style')).width,
      document.querySelector('#script').textContent].join()`;
    expect(await run(`lab.inside(${JSON.stringify(parts)})`)).toBe('CSS1Compat,7,11px,script ran');
    expect(await run(`lab.image('/vm/pixel.svg')`)).toBe(7);
    expect(await run(`fetch('/vm/pixel.svg').then((r) => r.headers.get('content-type'))`)).toBe(
      'image/svg+xml',
    );
    // The page's own files are not touched.
    expect(await run(`fetch('/about').then((r) => r.status)`)).toBe(404);
  });

  test.skipIf(!isThere)('an isolated page frames documents, too', async () => {
    const { run } = await open({ isolated: true });
    expect(await run(`lab.show('/vm/')`)).toMatch(/^Guest\n/);
    expect(await run(`lab.inside('return crossOriginIsolated')`)).toBe(true);
  });

  test.skipIf(!isThere)(
    'links and redirects stay below the scope, and cookies are kept',
    async () => {
      const { run } = await open();
      await run(`lab.show('/vm/')`);
      expect(await run(`lab.click('#absolute')`)).toBe('/vm/about: about');
      await run(`lab.show('/vm/')`);
      expect(await run(`lab.click('#relative')`)).toBe('/vm/deep/about: deep about');
      await run(`lab.show('/vm/')`);
      expect(await run(`lab.click('#send')`)).toBe(
        '/vm/private: cookie session=secret; theme=dark',
      );
      // Its scripts see what is not HttpOnly, and set others; the page's own cookies stay apart.
      const code = `document.cookie = 'a=1'; document.cookie = 'theme=; max-age=0';
      return [document.cookie, await (await fetch('/private')).text()].join()`;
      const text = await run(`lab.inside(${JSON.stringify(code)})`);
      expect(text).toMatch(/^a=1,.*>cookie session=secret; a=1</);
      expect(await run('document.cookie')).toBe('');
    },
  );

  test.skipIf(!isThere)('the server sees the headers of its own origin', async () => {
    const { run } = await open();
    await run(`lab.show('/vm/about')`);
    const code = `return (await fetch('/fields', { method: 'POST', body: 'x' })).json()`;
    const fields = new Map(
      (await run(`lab.inside(${JSON.stringify(code)})`)) as [string, string][],
    );
    expect(fields.get('host')).toBe('127.0.0.1:8080');
    expect(fields.get('origin')).toBe('http://127.0.0.1:8080');
    expect(fields.get('referer')).toBe('http://127.0.0.1:8080/about');
    expect(fields.get('content-length')).toBe('1');
    expect(fields.get('user-agent')).toMatch(/Mozilla/);
  });

  test.skipIf(!isThere)('ranges, large bodies both ways, and server-sent events', async () => {
    const { run } = await open();
    expect(
      await run(`fetch('/vm/big', { headers: { range: 'bytes=5-9' } }).then(async (r) =>
        [r.status, r.headers.get('content-range'), new Uint8Array(await r.arrayBuffer())].join())`),
    ).toBe('206,bytes 5-9/3000000,35,42,49,56,63');
    expect(
      await run(`fetch('/vm/big').then(async (r) => {
        const all = new Uint8Array(await r.arrayBuffer());
        return all.length === 3e6 && all.every((byte, i) => byte === ((i * 7 + (i >> 8)) & 255));
      })`),
    ).toBe(true);
    expect(
      await run(`fetch('/vm/echo', { method: 'POST', body: new Uint8Array(3e6).fill(7) }).then(async (r) =>
        new Uint8Array(await r.arrayBuffer()).filter((byte) => byte === 7).length)`),
    ).toBe(3_000_000);
    expect(
      await run(`new Promise((resolve) => {
        const heard = [];
        const events = new EventSource('/vm/events');
        events.onmessage = ({ data, lastEventId }) => {
          if (heard.push(data + lastEventId) < 5) return;
          events.close();
          resolve(heard.join());
        };
      })`),
    ).toBe('event 00,event 11,event 22,event 33,event 44');
  });

  test.skipIf(!isThere)('the server is told when nobody reads its answer any more', async () => {
    const { run } = await open();
    const aborted = await run(`(async () => {
      const reader = (await fetch('/vm/endless')).body.getReader();
      for (let read = 0; read < 1e6; ) read += (await reader.read()).value.length;
      const aborted = async () => (await (await fetch('/vm/state')).json()).aborted;
      const before = await aborted();
      await reader.cancel();
      while ((await aborted()) === 0);
      return [before, await aborted()].join();
    })()`);
    expect(aborted).toBe('0,1');
  });

  test.skipIf(!isThere || name === 'firefox')(
    'a request streams while its answer does',
    async () => {
      const { run } = await open();
      const heard = await run(`(async () => {
      const { readable, writable } = new TransformStream();
      const writer = writable.getWriter();
      const pending = fetch('/vm/echo', { method: 'POST', body: readable, duplex: 'half' });
      writer.write(new TextEncoder().encode('one'));
      const response = await pending;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const heard = [response.headers.get('x-length'), (await reader.read()).value];
      writer.write(new TextEncoder().encode('two'));
      heard.push((await reader.read()).value);
      await writer.close();
      heard.push((await reader.read()).done);
      return heard.join();
    })()`);
      expect(heard).toBe('chunked,one,two,true');
    },
  );

  test.skipIf(!isThere)('WebSockets of documents go to the server', async () => {
    const { run } = await open();
    await run(`fetch('/vm/login', { method: 'POST', body: 'x' })`);
    // Under a strict Content-Security-Policy.
    await run(`lab.show('/vm/strict')`);
    expect(await run('lab.inner.ended')).toBe(
      'true,chat,cookie session=secret; theme=dark,4001,bye,true',
    );
    await run(`lab.show('/vm/about')`);
    const code = `const socket = new WebSocket('/ws');
      socket.binaryType = 'arraybuffer';
      const heard = [];
      socket.addEventListener('message', ({ data }) => heard.push(data.byteLength));
      await new Promise((resolve) => { socket.onopen = resolve; });
      socket.send(new Uint8Array(2e6));
      socket.send(new Blob(['abc']));
      heard.push(socket.bufferedAmount);
      socket.send('bye');
      await new Promise((resolve) => { socket.onclose = resolve; });
      return [...heard, socket.bufferedAmount].join();`;
    // The first message is a text.
    expect(await run(`lab.inside(${JSON.stringify(code)})`)).toBe('2000003,,2000000,3,0');
  });

  test.skipIf(!isThere)('a WebSocket ends with its document', async () => {
    const { run } = await open();
    await run(`lab.show('/vm/about')`);
    const code = `globalThis.socket = new WebSocket('/ws');
      await new Promise((resolve) => { socket.onopen = resolve; });`;
    await run(`lab.inside(${JSON.stringify(code)})`);
    const sockets = `fetch('/vm/state').then(async (r) => (await r.json()).sockets)`;
    expect(await run(sockets)).toBe(1);
    await run(`lab.show('/vm/about')`);
    expect(await run(`(async () => { while (await ${sockets}); return 'none'; })()`)).toBe('none');
  });

  test.skipIf(!isThere)('a thread of a document asks the server, too', async () => {
    const { run } = await open();
    await run(`lab.show('/vm/about')`);
    const code = `const thread = new Worker('/worker.js');
      return new Promise((resolve) => { thread.onmessage = ({ data }) => resolve(data); });`;
    expect(await run(`lab.inside(${JSON.stringify(code)})`)).toBe('null');
  });

  test.skipIf(!isThere)('what cannot be answered is said', async () => {
    const { run } = await open();
    expect(await run(`fetch('/vm/odd').then((r) => r.status)`)).toBe(502);
    expect(await run(`fetch('/vm/empty').then((r) => r.status)`)).toBe(204);
    await run(`lab.bridge({ scope: '/nobody/', target: 'http://127.0.0.1:81' })`);
    expect(await run(`lab.show('/nobody/')`)).toMatch(/cannot be reached[\s\S]*ECONNREFUSED/);
    expect(await run(`fetch('/nobody/').then((r) => r.text())`)).toMatch(/^The server cannot/);
  });

  test.skipIf(!isThere)('options are checked', async () => {
    const { run } = await open();
    const said = (options: string): Promise<unknown> => run(`lab.bridge(${options})`);
    expect(await said(`{ scope: '/' }`)).toMatch(/EINVAL.*that the page itself is not below/);
    expect(await said(`{ scope: '/vm' }`)).toMatch(/EINVAL.*ends with a slash/);
    expect(await said(`{ scope: 'https://example.com/vm/' }`)).toMatch(/EINVAL.*own origin/);
    expect(await said(`{ target: 'http://10.0.0.2/x' }`)).toMatch(/EINVAL.*must be an origin/);
    expect(await said(`{ target: 'ftp://10.0.0.2' }`)).toMatch(/EINVAL.*must be an origin/);
    expect(await said(`{ inject: 1 }`)).toMatch(/EINVAL.*true or false/);
    expect(await said(`{ worker: 'missing.js' }`)).toMatch(/ENOENT/);
    const below = `{ scope: '/vm/', worker: '/ringstack/workers/service_worker.js' }`;
    expect(await said(below)).toMatch(/EINVAL.*below that of the worker/);
  });

  test.skipIf(!isThere)('a bridge that is closed leaves the path to the network', async () => {
    const { run } = await open();
    await run(`lab.show('/vm/about')`);
    const code = `globalThis.ended = new Promise((resolve) => {
      const socket = new WebSocket('/ws');
      socket.onmessage = () => resolve(new Promise((end) => { socket.onclose = ({ code }) => end(code); }));
    });
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 500))]);`;
    await run(`lab.inside(${JSON.stringify(code)})`);
    await run('lab.open.close()');
    expect(await run('lab.inner.ended')).toBe(1006);
    expect(await run(`fetch('/vm/name').then((r) => r.status)`)).toBe(404);
    expect(await run(`lab.bridge()`)).toMatch(/\/vm\/$/);
    expect(await run(`fetch('/vm/name').then((r) => r.status)`)).toBe(200);
  });

  test.skipIf(!isThere)('of two tabs each has its own server', async () => {
    const { url, tab } = await open();
    const [one, two] = [
      await openBeside(tab, `${url}?name=one`),
      await openBeside(tab, `${url}?name=two`),
    ];
    for (const each of [one, two]) await bridged(each);
    const inside = `lab.inside("return (await fetch('/name')).text()")`;
    for (const [each, name] of [
      [one, 'one'],
      [two, 'two'],
    ] as const) {
      expect(await each.evaluate(`fetch('/vm/name').then((r) => r.text())`)).toBe(name);
      await each.evaluate(`lab.show('/vm/about')`);
      expect(await each.evaluate(inside)).toBe(name);
    }
  });

  test.skipIf(!isThere)('a page that is loaded again serves again', async () => {
    const { tab, run } = await open();
    for (let i = 0; i < 2; i++) {
      await tab.page.reload();
      await bridged(tab);
      expect(await run(`lab.show('/vm/about')`)).toBe('about');
    }
  });

  test.skipIf(!isThere)('when the page is closed, a document says so', async () => {
    const { url, tab } = await open();
    const other = await openBeside(tab, `${url}vm/about`);
    expect(await other.evaluate('document.body.innerText')).toBe('about');
    const ended = other.evaluate(`(async () => {
      const response = await fetch('/endless');
      return response.arrayBuffer().catch(({ name }) => name);
    })()`);
    await tab.page.close();
    expect(await ended).toBe('TypeError');
    await other.page.reload();
    expect(await other.evaluate('document.body.innerText')).toMatch(/^Nobody serves this\n/);
    expect(await other.evaluate(`fetch('/name').then((r) => r.status)`)).toBe(503);
  });

  test.skipIf(!isThere)('another site cannot lead into the server', async () => {
    const { url, tab } = await open();
    const other = await openBeside(tab, await site(false));
    await Promise.all([
      other.page.waitForNavigation(),
      other.evaluate(`void (location.href = '${url}vm/about')`),
    ]);
    expect(await other.evaluate('document.body.innerText')).toMatch(/^Not from another site\n/);
  });

  test.skipIf(!isThere || name === 'firefox')(
    'a worker that was stopped knows all again',
    async () => {
      const { url, tab } = await open();
      const two = await openBeside(tab, `${url}?name=two`);
      await bridged(two);
      await two.evaluate(`lab.show('/vm/about')`);
      await tab.evaluate(`lab.show('/vm/about')`);
      const session = await tab.page.context().newCDPSession(tab.page);
      await session.send('ServiceWorker.enable');
      const stop = () => session.send('ServiceWorker.stopAllWorkers');
      const inside = `lab.inside("return (await fetch('/name')).text()")`;
      await stop();
      expect(await two.evaluate(inside)).toBe('two');
      expect(await tab.evaluate(inside)).toBe('null');
      await stop();
      expect(await tab.evaluate(`fetch('/vm/name').then((r) => r.text())`)).toBe('null');
      await stop();
      expect(await tab.evaluate(`fetch('/guest.js').then((r) => r.status)`)).toBe(200);
      // A body that was on its way fails, and the server is told.
      const failed = tab.evaluate(`(async () => {
      const reader = (await fetch('/vm/endless')).body.getReader();
      await reader.read();
      globalThis.isReading = true;
      for (;;) if ((await reader.read().catch(() => ({ done: true }))).done) return 'failed';
    })()`);
      await tab.page.waitForFunction('globalThis.isReading');
      await stop();
      expect(await failed).toBe('failed');
      const aborted = `(async () => { while (!(await (await fetch('/vm/state')).json()).aborted); return true; })()`;
      expect(await tab.evaluate(aborted)).toBe(true);
    },
  );
});

test.skipIf(!findBrowser('chromium'))(
  'the example shows a server that runs in its page',
  async () => {
    const program = spawn(process.execPath, [join(ROOT, 'examples/page_bridge.mjs'), '0']);
    onTestFinished(() => void program.kill());
    const [line] = await once(program.stdout.setEncoding('utf8'), 'data');
    const browser = await launch('chromium');
    onTestFinished(() => browser.close());
    const { page } = await browser.open(/^\S+/.exec(line)?.[0] ?? '');
    const inner = page.frameLocator('iframe');
    await inner.getByText('This is /vm/').waitFor();
    await inner.getByText('A WebSocket says hello').waitFor();
  },
);
