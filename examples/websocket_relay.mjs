// SPDX-License-Identifier: MIT
// websocket_relay - a relay as virtual machines in browsers use it, and two stacks that meet on it
//
// usage: node examples/websocket_relay.mjs          (needs the package ws, as Node has no WebSocket server)
//
// Every message is one Ethernet frame. A frame goes to the member it is addressed to, or to all.
// @ts-check
import { once } from 'node:events';
import { createStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { connectWebSocket } from 'ringstack/websocket';
import { WebSocket, WebSocketServer } from 'ws';

/** Starts the relay: a switch that learns which member has which address. Returns it and its URL. */
async function startRelay() {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  /** @type {Map<string, WebSocket>} */
  const members = new Map();
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => {
      const frame = /** @type {Buffer} */ (data);
      if (!isBinary || frame.length < 14) return;
      members.set(frame.toString('hex', 6, 12), socket);
      const receiver = members.get(frame.toString('hex', 0, 6));
      for (const member of receiver ? [receiver] : server.clients) {
        if (member !== socket && member.readyState === WebSocket.OPEN) member.send(frame);
      }
    });
    socket.on('close', () => {
      for (const [address, member] of members) if (member === socket) members.delete(address);
    });
  });
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { server, url: `ws://127.0.0.1:${port}` };
}

/** A stack with a cable to the relay; in a browser, `{ WebSocket }` is not needed. @param {string} url @param {string} ip */
async function join(url, ip) {
  const stack = await createStack();
  const cable = await connectWebSocket(url, { WebSocket, reconnect: true });
  connect(await stack.createTapInterface({ ip: `${ip}/24` }), cable);
  return {
    stack,
    async [Symbol.asyncDispose]() {
      await stack.close();
      await cable.close();
    },
  };
}

const { server, url } = await startRelay();
const alice = await join(url, '10.0.0.1');
const bob = await join(url, '10.0.0.2');

// Bob answers every connection with the same text in capitals.
const listener = await bob.stack.listenTcp({ port: 7 });
const answering = (async () => {
  const { readable, writable } = await listener.accept();
  const writer = writable.getWriter();
  for await (const chunk of readable) {
    const words = new TextDecoder().decode(chunk);
    await writer.write(new TextEncoder().encode(words.toUpperCase()));
  }
  await writer.close();
})();

const call = await alice.stack.connectTcp({ host: '10.0.0.2', port: 7 });
const writer = call.writable.getWriter();
await writer.write(new TextEncoder().encode('hello over a relay'));
await writer.close();
let answer = '';
for await (const chunk of call.readable) answer += new TextDecoder().decode(chunk);
console.log(`bob says: ${answer}`);
await answering;

for (const member of [alice, bob]) await member[Symbol.asyncDispose]();
server.close();
