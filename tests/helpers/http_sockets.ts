// SPDX-License-Identifier: MIT
// http_sockets - WebSockets for tests: servers that echo, clients and servers by hand

import { type UpgradeWebSocketOptions, upgradeWebSocket } from 'ringstack/http';
import { acceptOf } from '../../js/http/websocket_handshake.ts';
import { answerBy, dial, openWeb, type Web, type Wire } from './http.ts';

/** Key of the clients by hand. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** Events of a socket, in order. */
export function record(socket: WebSocket): string[] {
  const events: string[] = [];
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => events.push('open');
  socket.onmessage = ({ data }) => {
    events.push(
      typeof data === 'string' ? `text ${data}` : `binary ${new Uint8Array(data).join()}`,
    );
  };
  socket.onerror = () => events.push('error');
  socket.onclose = ({ code, reason, wasClean }) =>
    events.push(`close ${code} ${reason} ${wasClean}`);
  return events;
}

/** A server whose sockets a function gets. */
export async function listen(
  use: (socket: WebSocket) => void,
  options?: UpgradeWebSocketOptions,
): Promise<Web & { port: number; url: string }> {
  const web = await openWeb();
  const { port } = await web.serve(
    { port: 0, onError: (error) => ({ status: 400, body: String(error) }) },
    (request) => {
      const { socket, response } = upgradeWebSocket(request, options);
      use(socket);
      return response;
    },
  );
  return { ...web, port, url: `ws://127.0.0.1:${port}/` };
}

/** Sends every message back. */
export const echo = (socket: WebSocket): void => {
  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }) => socket.send(data);
};

/** A client by hand, open. */
export async function upgraded(
  { stack, port }: Web & { port: number },
  fields = '',
): Promise<Wire> {
  const wire = await dial(stack, port);
  await wire.say(
    `GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: keep-alive, Upgrade\r\n` +
      `sec-websocket-version: 13\r\nsec-websocket-key: ${KEY}\r\n${fields}\r\n`,
  );
  await wire.hear('\r\n\r\n');
  return wire;
}

/** A server by hand for our client. */
export async function byHand(web: Web, speak: (wire: Wire, head: string) => Promise<unknown>) {
  const { port } = await answerBy(web.stack, async (wire) => {
    const head = await wire.hear('\r\n\r\n');
    const [, key = ''] = /sec-websocket-key: (.*)\r\n/.exec(head) ?? [];
    await wire.say(
      `HTTP/1.1 101 x\r\nupgrade: WebSocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${acceptOf(key)}\r\n\r\n`,
    );
    await speak(wire, head);
  });
  return `ws://127.0.0.1:${port}/`;
}
