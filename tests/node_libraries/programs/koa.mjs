// SPDX-License-Identifier: MIT
// koa - a middleware chain over https and http2

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Koa from 'koa';

const folder = mkdtempSync(join(tmpdir(), 'ringstack-koa-'));
const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
execFileSync(
  'openssl',
  [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
  ],
  { stdio: 'ignore' },
);
const files = { key: readFileSync(key), cert: readFileSync(cert) };
rmSync(folder, { recursive: true });

const app = new Koa();
app.use(async (ctx, next) => {
  await next();
  ctx.set('x-length', String(ctx.body.length));
});
app.use((ctx) => {
  ctx.body = `${ctx.protocol} ${ctx.path} ${ctx.req.socket.remoteAddress}`;
});

const server = https.createServer(files, app.callback()).listen(8443);
await once(server, 'listening');
const agent = new https.Agent({ ca: files.cert });
const [response] = await once(https.get('https://localhost:8443/a', { agent }), 'response');
let text = '';
for await (const chunk of response.setEncoding('utf8')) text += chunk;
assert.equal(text, 'https /a ::ffff:127.0.0.1');
assert.equal(response.headers['x-length'], String(text.length));
agent.destroy();
server.close();

const secure = http2.createSecureServer(files, app.callback()).listen(0);
await once(secure, 'listening');
const session = http2.connect(`https://localhost:${secure.address().port}`, { ca: files.cert });
const stream = session.request({ ':path': '/b' });
let second = '';
for await (const chunk of stream.setEncoding('utf8')) second += chunk;
assert.match(second, /^https \/b /);
session.close();
secure.close();

const plain = http2.createServer((_request, reply) => reply.end('h2c')).listen(0);
await once(plain, 'listening');
const open = http2.connect(`http://127.0.0.1:${plain.address().port}`);
let third = '';
for await (const chunk of open.request({ ':path': '/' }).setEncoding('utf8')) third += chunk;
assert.equal(third, 'h2c');
open.close();
plain.close();
