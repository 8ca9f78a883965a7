// SPDX-License-Identifier: MIT
// fastify - a route and a stream, behind http-proxy

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import fastify from 'fastify';
import httpProxy from 'http-proxy';

const app = fastify();
app.get('/hello/:name', async (request) => ({ hello: request.params.name }));
app.get('/stream', (_request, reply) =>
  reply.send(Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(10_000, 'a')))),
);
await app.listen({ port: 0, host: '127.0.0.1' });
const { port } = app.server.address();
const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${port}` }).listen(8081);
const read = async (path) => (await fetch(`http://127.0.0.1:8081${path}`)).text();
assert.equal(await read('/hello/stack'), '{"hello":"stack"}');
assert.equal((await read('/stream')).length, 1_000_000);
proxy.close();
await app.close();
