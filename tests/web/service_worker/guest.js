// SPDX-License-Identifier: MIT
// guest - the web server behind the bridge

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>';
const html = (body, head = '') => ({
  headers: { 'content-type': 'text/html' },
  body: `<!doctype html><html><head>${head}</head><body>${body}</body></html>`,
});
const INDEX = html(
  `<h1>Guest</h1><img src="pixel.svg"><p id=script></p><p id=style></p>
  <a id=absolute href="/about">a</a> <a id=relative href="deep/about">b</a>
  <form id=form method=post action="/login"><input name=user value="me"><button id=send>c</button></form>`,
  '<link rel=stylesheet href="/style.css"><script src="/app.js" defer></script>',
);
const SOCKET = `const socket = new WebSocket('ws://' + location.host + '/ws', 'chat');
const heard = [];
socket.onmessage = ({ data }) => {
  heard.push(data);
  socket.send('bye');
};
globalThis.ended = new Promise((resolve) => {
  socket.onclose = ({ code, reason, wasClean }) =>
    resolve([socket instanceof WebSocket, socket.protocol, ...heard, code, reason, wasClean].join());
});`;
const bytes = (length) => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Lines that come one by one, each when the last was read. */
async function* lines(count, form) {
  for (let i = 0; i < count; i++) {
    yield form(i);
    await wait(5);
  }
}

/** Makes the handler of the server. */
export function handler({ name, upgradeWebSocket }) {
  const state = { aborted: 0, sockets: 0 };
  const routes = {
    '/': () => INDEX,
    '/name': () => ({ body: String(name) }),
    '/about': () => html('about'),
    '/deep/about': () => html('deep about'),
    '/style.css': () => ({
      headers: { 'content-type': 'text/css' },
      body: '#style { width: 11px }',
    }),
    '/app.js': () => ({
      headers: { 'content-type': 'text/javascript' },
      body: 'document.querySelector("#script").textContent = "script ran"',
    }),
    '/pixel.svg': () => ({ headers: { 'content-type': 'image/svg+xml' }, body: SVG }),
    '/login': async (request) => ({
      status: 303,
      headers: [
        ['location', `http://${request.headers.get('host')}/private`],
        ['set-cookie', 'session=secret; HttpOnly; Path=/'],
        ['set-cookie', 'theme=dark; Path=/'],
        ['set-cookie', 'gone=1; Max-Age=0'],
        ['x-body', await request.text()],
      ],
    }),
    '/private': (request) => html(`cookie ${request.headers.get('cookie')}`),
    '/fields': (request) => ({ body: JSON.stringify([...request.headers]) }),
    '/elsewhere': () => ({ status: 302, headers: { location: 'http://example.invalid/' } }),
    '/empty': () => ({ status: 204 }),
    '/odd': () => ({ status: 799 }),
    '/lines': () => ({ body: lines(20, (i) => `line ${i}\n`) }),
    '/events': () => ({
      headers: { 'content-type': 'text/event-stream' },
      body: lines(5, (i) => `id: ${i}\ndata: event ${i}\n\n`),
    }),
    '/endless': (request) => ({
      body: (async function* endless() {
        request.signal.addEventListener('abort', () => state.aborted++);
        for (;;) yield bytes(65536);
      })(),
    }),
    '/state': () => ({ body: JSON.stringify(state) }),
    '/echo': (request) => ({
      headers: { 'x-length': request.headers.get('content-length') ?? 'chunked' },
      body: request.body,
    }),
    '/big': (request) => {
      const all = bytes(3_000_000);
      const [, from, to] = /bytes=(\d+)-(\d*)/.exec(request.headers.get('range') ?? '') ?? [];
      if (from === undefined) return { headers: { 'accept-ranges': 'bytes' }, body: all };
      const end = to === '' ? all.length - 1 : Number(to);
      return {
        status: 206,
        headers: { 'content-range': `bytes ${from}-${end}/${all.length}` },
        body: all.slice(Number(from), end + 1),
      };
    },
    '/strict': () => {
      const page = html('<script src=/socket.js></script><p id=out>');
      return {
        ...page,
        headers: { ...page.headers, 'content-security-policy': "default-src 'self'" },
      };
    },
    '/worker.js': () => ({
      headers: { 'content-type': 'text/javascript' },
      body: 'fetch("/name").then((r) => r.text()).then(postMessage)',
    }),
    '/socket.js': () => ({ headers: { 'content-type': 'text/javascript' }, body: SOCKET }),
    '/ws': (request) => {
      const wanted = request.headers.get('sec-websocket-protocol');
      const { socket, response } = upgradeWebSocket(request, wanted ? { protocol: 'chat' } : {});
      socket.binaryType = 'arraybuffer';
      state.sockets++;
      socket.onopen = () => socket.send(`cookie ${request.headers.get('cookie')}`);
      socket.onmessage = ({ data }) =>
        data === 'bye' ? socket.close(4001, 'bye') : socket.send(data);
      socket.onclose = () => state.sockets--;
      return response;
    },
  };
  return (request) => {
    const route = routes[new URL(request.url).pathname];
    return route ? route(request) : { status: 404, body: 'not here' };
  };
}
