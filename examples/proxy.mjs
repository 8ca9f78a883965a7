// SPDX-License-Identifier: MIT
// proxy - a stack as the way out of a virtual network: an HTTP proxy, behind which are the machine's sockets
//
// usage: node examples/proxy.mjs [URL]        (http: by default, that of a server which it starts itself)
//
// A client on the network (here a second stack; it could be a guest with http_proxy=http://10.0.0.1:3128) asks the
// proxy for a URL, or for a tunnel to a host and a port (CONNECT, as for https).
// @ts-check
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { Duplex } from 'node:stream';
import { createStack } from 'ringstack';
import { connect } from 'ringstack/link';

/** A connection of ours as a socket of Node. @param {import('ringstack').TcpConnection} connection */
const socketOf = (connection) => Duplex.fromWeb(/** @type {any} */ (connection));

/** Node's own HTTP server, as a proxy. */
function createProxy() {
  const proxy = createServer((asked, response) => {
    const { method, headers, url = '' } = asked;
    console.log(`proxy: ${method} ${url}`);
    if (!url.startsWith('http://'))
      return void response.writeHead(400).end('Ask for a whole URL\n');
    const onward = request(url, { method, headers });
    onward.on('response', (answer) => {
      answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers));
    });
    onward.on('error', ({ message }) => response.writeHead(502).end(`${message}\n`));
    asked.pipe(onward);
  });
  proxy.on('connect', ({ url }, near, head) => {
    console.log(`proxy: CONNECT ${url}`);
    const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(`${url}`) ?? [];
    const far = connectSocket({ host, port: Number(port) }, () => {
      near.write('HTTP/1.1 200 Connected\r\n\r\n');
      far.write(head);
      near.pipe(far).pipe(near);
    });
    far.on('error', () => near.destroy());
    near.on('error', () => far.destroy());
  });
  return proxy;
}

// The network: a gateway that reaches the outside, and a host that reaches the gateway.
const [gateway, host] = [await createStack(), await createStack()];
connect(
  await gateway.createTapInterface({ ip: '10.0.0.1/24' }),
  await host.createTapInterface({ ip: '10.0.0.2/24' }),
);
const proxy = createProxy();
const listener = await gateway.listenTcp({ port: 3128 });
void (async () => {
  for await (const connection of listener) proxy.emit('connection', socketOf(connection));
})();

// The outside.
const web = createServer((_, response) => response.end('Hello from the real network\n'));
await once(web.listen(0, '127.0.0.1'), 'listening');
const { port } = /** @type {import('node:net').AddressInfo} */ (web.address());
const url = new URL(process.argv[2] ?? `http://127.0.0.1:${port}/`);

/** The answer that the host reads on a connection to the proxy after it has sent some words. @param {string} words */
async function ask(words) {
  const socket = socketOf(await host.connectTcp({ host: '10.0.0.1', port: 3128 }));
  socket.write(words);
  return (await socket.toArray()).join('');
}

const head = `Host: ${url.host}\r\nConnection: close\r\n\r\n`;
console.log(await ask(`GET ${url} HTTP/1.1\r\n${head}`));
const tunnel = `CONNECT ${url.hostname}:${url.port || 80} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`;
console.log(await ask(`${tunnel}GET ${url.pathname} HTTP/1.1\r\n${head}`));

await gateway.close();
await host.close();
web.close();
