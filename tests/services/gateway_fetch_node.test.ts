// SPDX-License-Identifier: MIT
// gateway_fetch_node.test - the fetch() of Node, Deno and Bun as the way out, and a server of node:http

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { fetchHttp } from 'ringstack/gateway';
import { expect, onTestFinished, test } from 'vitest';
import { FAR, gatewayNetwork } from '../helpers/gateway.ts';
import { Wire } from '../helpers/http.ts';

/** A guest's connection to port 80, which fetch() takes to a server. */
async function dial(
  serve: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Wire> {
  const server = createServer(serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const tcp = fetchHttp({
    fetch: (url, init) => fetch(url.replace(FAR[4], `127.0.0.1:${port}`), init),
  });
  const { guest } = await gatewayNetwork({ tcp });
  return new Wire(await guest.connectTcp({ host: FAR[4], port: 80 }));
}

const REQUEST = 'Host: a\r\n\r\n';

test('a length is passed on, fields are kept, and cookies are the own ones of the guest', async () => {
  const wire = await dial(({ url, headers }, response) => {
    response.setHeader('set-cookie', ['a=1', 'b=2']);
    response.end(
      JSON.stringify({ url, cookie: headers.cookie, encoding: headers['accept-encoding'] }),
    );
  });
  await wire.say(`GET /x?y HTTP/1.1\r\nCookie: c=3\r\n${REQUEST}`);
  const head = await wire.hear('\r\n\r\n');
  expect(head).toContain('set-cookie: a=1\r\nset-cookie: b=2\r\n');
  const [, length] = /content-length: (\d+)/.exec(head) ?? [];
  const body = JSON.parse(await wire.hearBytes(Number(length)));
  expect(body).toEqual({ url: '/x?y', cookie: 'c=3', encoding: 'identity' });
});

test('what fetch() has decompressed is whole', async () => {
  const wire = await dial((_, response) => {
    const body = gzipSync('text '.repeat(1000));
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length });
    response.end(body);
  });
  await wire.say(`GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n${REQUEST}`);
  const all = await wire.rest();
  expect(all).not.toMatch(/content-encoding/);
  expect(all.slice(all.indexOf('\r\n\r\n') + 4)).toBe('text '.repeat(1000));
});

test('a redirect is passed on', async () => {
  const wire = await dial((_, response) => {
    response.writeHead(301, { location: 'https://elsewhere.example/' }).end();
  });
  await wire.say(`GET / HTTP/1.1\r\n${REQUEST}`);
  const head = await wire.hear('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 301 /);
  expect(head).toContain('location: https://elsewhere.example/\r\n');
});

test('a body of unknown length goes out while it is sent', async () => {
  const heard: string[] = [];
  const wire = await dial((request, response) => {
    request.setEncoding('utf8').on('data', (text) => {
      heard.push(text);
      if (heard.length === 1) response.write('first ');
    });
    request.on('end', () => response.end(`all: ${heard.join('')}`));
  });
  await wire.say('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: a\r\n\r\n3\r\nabc\r\n');
  // The server has the first part before there is a second one.
  while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await wire.say('3\r\ndef\r\n0\r\n\r\n');
  await wire.hear('all: abcdef');
});

test('a server that is not there is 502', async () => {
  const tcp = fetchHttp({ fetch: (_, init) => fetch('http://127.0.0.1:9/', init) });
  const { guest } = await gatewayNetwork({ tcp });
  const wire = new Wire(await guest.connectTcp({ host: FAR[4], port: 80 }));
  await wire.say(`GET / HTTP/1.1\r\n${REQUEST}`);
  expect(await wire.hear('\r\n\r\n')).toMatch(/^HTTP\/1\.1 502 Bad Gateway/);
  expect(await wire.hear('\n')).toMatch(/^502: Cannot fetch http:\/\/203\.0\.113\.7\//);
});
