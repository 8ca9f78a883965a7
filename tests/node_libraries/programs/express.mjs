// SPDX-License-Identifier: MIT
// express - a router with a JSON body; asked by axios, got, node-fetch, undici and the built-in fetch()

import assert from 'node:assert/strict';
import axios from 'axios';
import express from 'express';
import got from 'got';
import nodeFetch from 'node-fetch';
import { request } from 'undici';

const app = express();
app.use(express.json());
app.post('/sum', (req, res) => res.json({ sum: req.body.reduce((a, b) => a + b, 0), ip: req.ip }));
const server = app.listen(0);
const { port } = server.address();
const url = `http://localhost:${port}/sum`;
const numbers = Array.from({ length: 20_000 }, (_, n) => n);
const body = JSON.stringify(numbers);
const headers = { 'content-type': 'application/json' };
const sum = 199_990_000;

assert.equal(
  (await axios.post(url, numbers, { maxBodyLength: 1e7 }).catch((e) => e.response)).status,
  413,
);
const small = numbers.slice(0, 5000);
const smallBody = JSON.stringify(small);
const expected = { sum: 12_497_500, ip: '::ffff:127.0.0.1' };
assert.deepEqual((await axios.post(url, small)).data, expected);
assert.deepEqual(await got.post(url, { json: small }).json(), expected);
assert.deepEqual(
  await (await nodeFetch(url, { method: 'POST', body: smallBody, headers })).json(),
  expected,
);
assert.deepEqual(
  await (await request(url, { method: 'POST', body: smallBody, headers })).body.json(),
  expected,
);
assert.deepEqual(
  await (await fetch(url, { method: 'POST', body: smallBody, headers })).json(),
  expected,
);
assert.ok(body.length > 100_000 && sum > 0);
server.close();
server.closeAllConnections();
