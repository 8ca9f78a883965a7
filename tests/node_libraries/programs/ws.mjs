// SPDX-License-Identifier: MIT
// ws - WebSocket server and client of ws, and socket.io with its client

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import WebSocket, { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 8082, perMessageDeflate: true });
server.on('connection', (socket) =>
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
);
const client = new WebSocket('ws://localhost:8082');
await once(client, 'open');
client.send(Buffer.alloc(1_000_000, 7));
const [echo] = await once(client, 'message');
assert.equal(echo.length, 1_000_000);
assert.ok(echo.every((byte) => byte === 7));
client.close(1000);
assert.equal((await once(client, 'close'))[0], 1000);
server.close();

const web = http.createServer();
const sockets = new Server(web);
sockets.on('connection', (socket) => socket.on('sum', (a, b, done) => done(a + b)));
web.listen(8083);
for (const transports of [['polling'], ['websocket']]) {
  const user = io('http://localhost:8083', { transports, forceNew: true });
  assert.equal(await user.emitWithAck('sum', 2, 3), 5);
  user.disconnect();
}
await sockets.close();
