// SPDX-License-Identifier: MIT
// wireguard_relay - a stack reaches a WireGuard peer through a WebSocket, as a page does; the relay cannot read a word
//
// usage: node examples/wireguard_relay.mjs, or import { startRelay } from it    (needs the package ws, as Node has no WebSocket server)
//
// Every message is one datagram. The relay has a UDP socket for each member and sends to one peer alone: it is
// no way into other networks. Datagrams that a slow member does not take are dropped, as on any path of UDP.
// @ts-check
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createStack } from 'ringstack';
import { createWireGuard, generateKey, publicKey } from 'ringstack-wireguard';
import { WebSocket, WebSocketServer } from 'ws';

const MOST_BUFFERED = 256 * 1024;

/** Starts the relay to a peer. @param {number} peerPort @param {string} [peerHost] */
export async function startRelay(peerPort, peerHost = '127.0.0.1') {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload: 65535 });
  server.on('connection', (member) => {
    const udp = createSocket('udp4');
    udp.connect(peerPort, peerHost);
    const isConnected = once(udp, 'connect').then(Boolean, () => false);
    udp.on('error', () => {}); // the peer is not there now
    udp.on('message', (datagram) => {
      if (member.bufferedAmount < MOST_BUFFERED) member.send(datagram);
    });
    member.on('message', async (data, isBinary) => {
      if (isBinary && (await isConnected)) udp.send(/** @type {Buffer} */ (data), () => {});
    });
    member.on('error', () => member.terminate());
    member.on('close', () => udp.close());
  });
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { server, url: `ws://127.0.0.1:${port}` };
}

/** A stack that reaches another through the relay. */
async function demo() {
  // The peer: here one of ours on a socket of the system, elsewhere any other, such as the kernel's.
  const [peerKey, ourKey] = [generateKey(), generateKey()];
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const peerStack = await createStack();
  await createWireGuard(peerStack, {
    privateKey: peerKey,
    ip: '10.9.0.1/24',
    transport: socket,
    peers: [{ publicKey: await publicKey(ourKey), allowedIps: ['10.9.0.2/32'] }],
  });
  const listener = await peerStack.listenTcp({ port: 7 });

  // The page: a WebSocket is all that it needs.
  const { server, url } = await startRelay(socket.address().port);
  const webSocket = new WebSocket(url);
  await once(webSocket, 'open');
  const stack = await createStack();
  await createWireGuard(stack, {
    privateKey: ourKey,
    ip: '10.9.0.2/24',
    transport: webSocket,
    peers: [{ publicKey: await publicKey(peerKey), allowedIps: ['10.9.0.0/24'] }],
  });
  const connection = await stack.connectTcp({ host: '10.9.0.1', port: 7 });
  const writer = connection.writable.getWriter();
  await writer.write(new TextEncoder().encode('hello through WireGuard'));
  await writer.close();
  const theirs = await listener.accept();
  for await (const chunk of theirs) console.log(`the peer reads: ${Buffer.from(chunk)}`);

  for (const one of [stack, peerStack]) await one.close(); // the interfaces end with them
  webSocket.close();
  socket.close();
  server.close();
}

// Imported, it only has startRelay().
if (process.argv[1]?.endsWith('wireguard_relay.mjs')) await demo();
