// SPDX-License-Identifier: MIT
// http_node_oracle.test - requests that are damaged, judged by node:http

import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createHttp, type HttpHandler } from 'ringstack/http';
import { expect, onTestFinished, test } from 'vitest';
import { nodeTransport } from '../helpers/node_transport.ts';
import { Prng } from '../helpers/prng.ts';

/** Sends bytes, ends our side and waits for the end; returns the port it was sent from. */
async function tell(port: number, text: string): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  const { localPort = 0 } = socket;
  socket.end(Buffer.from(text, 'latin1'));
  socket.resume();
  await new Promise((resolve) => socket.on('close', resolve));
  return localPort;
}

test('what is no request for Node is none for us: seeds with bytes changed in them', async () => {
  const heads = new Map<number, number>();
  const count = (map: Map<number, number>, port = 0): unknown =>
    map.set(port, (map.get(port) ?? 0) + 1);
  const server = createServer((request, response) => {
    count(heads, request.socket.remotePort);
    request.resume();
    request.on('end', () => response.end('ok'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const requests = new Map<number, number>();
  const handler: HttpHandler = async (request, info) => {
    await request.arrayBuffer();
    count(requests, info.remotePort);
    return {};
  };
  const http = await createHttp(nodeTransport);
  const ours = await http.serve({ port: 0, onError: () => ({ status: 500 }) }, handler);
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await ours.close({ timeout: 1 });
  });
  const port = (server.address() as AddressInfo).port;
  const random = new Prng(24);
  const seeds = [
    'GET /a HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  ];
  const blanks = ['\r', '\n', ' ', '\t', ':', '\0', ';', '-', ','];
  let taken = 0;
  const compare = async (): Promise<void> => {
    const text = Array.from(random.pick(seeds));
    const char = random.chance(0.6) ? random.pick(blanks) : String.fromCharCode(random.int(256));
    // Not in the method: Node knows some, and any token is one for us.
    text.splice(random.between(4, text.length - 1), random.int(2), char);
    const sent = text.join('');
    const [theirs, mine] = await Promise.all([tell(port, sent), tell(ours.port, sent)]);
    const asked = requests.get(mine) ?? 0;
    const heard = heads.get(theirs) ?? 0;
    // A port is used again.
    requests.delete(mine);
    heads.delete(theirs);
    taken += asked;
    // Stricter is well; what is a request for us alone would be a hole.
    expect([JSON.stringify(sent), asked <= heard]).toEqual([JSON.stringify(sent), true]);
  };
  for (let n = 0; n < 30; n++) await Promise.all(Array.from({ length: 10 }, compare));
  expect(taken).toBeGreaterThan(20);
});
