// SPDX-License-Identifier: MIT
// page_bridge - a page with a web server inside, which the page itself shows in a frame, over a service worker
// @ts-check
//
// usage: node examples/page_bridge.mjs [PORT]        (then open what it prints; Ctrl-C ends it)
//
// Here the server is on the page's stack. For one in a VM (docs/v86.md), `target` is the address of the guest.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const INDEX = `<!doctype html>
<meta charset="utf-8">
<title>A server in this page</title>
<link rel="icon" href="data:,">
<script type="importmap">
  { "imports": { "ringstack": "/ringstack/index.js", "ringstack/http": "/ringstack/http/http.js" } }
</script>
<h1>A server in this page</h1>
<iframe title="what it serves"></iframe>
<script type="module">
  import { createStack } from 'ringstack';
  import { bridgeServiceWorker, createHttp, upgradeWebSocket } from 'ringstack/http';

  const GUEST = \`<!doctype html><title>guest</title><p id="path"></p><p id="said"></p><script>
    document.querySelector('#path').textContent = 'This is ' + location.pathname;
    const socket = new WebSocket('/echo');
    socket.onopen = () => socket.send('A WebSocket says hello');
    socket.onmessage = ({ data }) => { document.querySelector('#said').textContent = data; };
  <\\/script>\`;

  const http = await createHttp(await createStack());
  await http.serve({ port: 8080 }, (request) => {
    if (new URL(request.url).pathname !== '/echo') {
      return { headers: { 'content-type': 'text/html' }, body: GUEST };
    }
    const { socket, response } = upgradeWebSocket(request);
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  });
  const bridge = await bridgeServiceWorker(http, {
    scope: '/vm/',
    target: 'http://127.0.0.1:8080',
  });
  document.querySelector('iframe').src = bridge.url;
</script>
`;

/** @type {Record<string, [type: string, text: string]>} */
const FILES = {
  '/': ['text/html', INDEX],
  '/sw.js': ['text/javascript', "import '/ringstack/workers/service_worker.js';\n"],
};

const server = createServer(async ({ url = '/' }, response) => {
  const [type, text] = FILES[url] ?? [];
  if (type) return response.setHeader('content-type', type).end(text);
  const name = /^\/ringstack\/([\w/]+\.(?:js|wasm))$/.exec(url)?.[1];
  try {
    const file = await readFile(new URL(name ?? '', import.meta.resolve('ringstack')));
    response.setHeader(
      'content-type',
      url.endsWith('.js') ? 'text/javascript' : 'application/wasm',
    );
    return response.end(file);
  } catch {
    return response.writeHead(404).end();
  }
});
server.listen(Number(process.argv[2] ?? 8000), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(
    `http://localhost:${port}/ shows a server that runs in the page itself; Ctrl-C ends it`,
  );
});
