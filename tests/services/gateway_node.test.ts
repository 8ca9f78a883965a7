// SPDX-License-Identifier: MIT
// gateway_node.test - the sockets of this computer as a way out, and forwarded ports

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type NodeTransport, node, parseForward, type StreamConnection } from 'ringstack/gateway';
import { describe, expect, onTestFinished, test } from 'vitest';
import { gatewayNetwork } from '../helpers/gateway.ts';
import { bytes, outcome, readAll, text, until } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { sameBytes } from '../helpers/runtime.ts';

const LOCAL = '127.0.0.1';
/** Guests may reach this computer in these tests alone. */
const OPEN = { policy: { override: ['loopback', 'private'] } } as const;

/** A server of Node on a port of its own; the sockets that came. */
async function server(serve: (socket: Socket) => void): Promise<{ port: number; made: Server }> {
  const made = createServer({ allowHalfOpen: true }, serve).listen(0, LOCAL);
  onTestFinished(() => void made.close());
  await once(made, 'listening');
  return { port: (made.address() as { port: number }).port, made };
}

/** node() where 10.99.0.1 stands for this computer: a stack never sends to another host's 127.0.0.1. */
function local(): NodeTransport {
  const way = node();
  return { ...way, connect: (options) => way.connect({ ...options, host: LOCAL }) };
}

/** Bun has resetAndDestroy() in name only: a reset is an end there. */
const CAN_RESET = !('Bun' in globalThis);

describe('node()', () => {
  test('carries bytes both ways intact, and half closes', async () => {
    const data = new Prng(1).bytes(5_000_000);
    const { port } = await server((socket) => socket.pipe(socket));
    const { guest, gateway } = await gatewayNetwork({ tcp: local(), ...OPEN });
    const connection = await guest.connectTcp({ host: '10.99.0.1', port });
    const back = readAll(connection.readable);
    const writer = connection.writable.getWriter();
    for (let at = 0; at < data.length; at += 65_000)
      await writer.write(data.slice(at, at + 65_000));
    await writer.close();
    expect(sameBytes(await back, data)).toBe(true);
    await until(() => gateway.statistics.tcpFlows === 0);
    expect(gateway.statistics.bytesIn).toBe(data.length);
  });

  test('passes resets on, both ways', async ({ skip }) => {
    if (!CAN_RESET) skip('node:net of the runtime cannot reset');
    const sockets: Socket[] = [];
    const codes: (string | undefined)[] = [];
    const { port } = await server((socket) => {
      sockets.push(socket);
      socket.on('error', (error: NodeJS.ErrnoException) => codes.push(error.code));
    });
    const { guest } = await gatewayNetwork({ tcp: local(), ...OPEN });
    const to = () => guest.connectTcp({ host: '10.99.0.1', port });
    const first = await to();
    await until(() => sockets.length === 1);
    sockets[0]?.resetAndDestroy();
    expect(await outcome(first.closed)).toBe('ECONNRESET');
    const second = await to();
    await until(() => sockets.length === 2);
    second.abort();
    await until(() => codes.includes('ECONNRESET'));
  });

  test('is refused where nobody listens', async () => {
    const { port, made } = await server(() => {});
    made.close();
    const { guest } = await gatewayNetwork({ tcp: local(), ...OPEN });
    expect(await outcome(guest.connectTcp({ host: '10.99.0.1', port }))).toBe('ECONNREFUSED');
    expect(await outcome(node().connect({ host: LOCAL, port }))).toBe('ECONNREFUSED');
  });

  test('gives up when it is told to', async () => {
    const stop = new AbortController();
    // Of documentation: nothing answers there, or there is no way.
    const connecting = node().connect({ host: '192.0.2.1', port: 9, signal: stop.signal });
    stop.abort(new Error('no longer'));
    await expect(connecting).rejects.toThrow();
  });

  test('listens, and closing stops accepting', async () => {
    const listener = await node().listen({ host: LOCAL, port: 0 });
    const connecting = node().connect({ host: LOCAL, port: listener.port as number });
    const { value } = await listener[Symbol.asyncIterator]().next();
    const peer = value as StreamConnection;
    const connection = await connecting;
    await peer.writable.getWriter().write(bytes('hello'));
    const { value: chunk } = await connection.readable.getReader().read();
    expect(text(chunk as Uint8Array)).toBe('hello');
    await listener.close?.();
    expect(await outcome(node().connect({ host: LOCAL, port: listener.port as number }))).toBe(
      'ECONNREFUSED',
    );
    connection.abort?.();
  });

  test('sends datagrams, and gives back what comes', async () => {
    const echo = createSocket('udp4');
    onTestFinished(() => void echo.close());
    echo.on('message', (data, { port, address }) => echo.send(data, port, address));
    echo.bind(0, LOCAL);
    await once(echo, 'listening');
    const way = node();
    const udp = {
      open: async () => {
        const socket = await way.open();
        const writer = socket.writable.getWriter();
        return {
          writable: new WritableStream({
            write: (one: { port: number; data: Uint8Array }) =>
              writer.write({ ...one, host: LOCAL }),
          }),
          close: () => socket.close(),
          async *[Symbol.asyncIterator]() {
            for await (const one of {
              [Symbol.asyncIterator]: () => socket[Symbol.asyncIterator](),
            })
              yield { ...one, host: '10.99.0.1' };
          },
        };
      },
    };
    const { guest, gateway } = await gatewayNetwork({ udp, ...OPEN });
    const ours = await guest.openUdp();
    const { port } = echo.address();
    await ours.send(bytes('ping'), { host: '10.99.0.1', port });
    expect(await ours.receive()).toMatchObject({ host: '10.99.0.1', port, data: bytes('ping') });
    await gateway.close();
  });

  test('refuses unknown options', () => {
    expect(() => node({ nodelay: true } as never)).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });
});

describe('a forwarded port', () => {
  test('leads to the guest', async () => {
    const { guest, gateway, events } = await gatewayNetwork();
    const listener = await guest.listenTcp({ port: 80 });
    const forward = await gateway.forward({
      listen: { transport: node(), host: LOCAL, port: 0 },
      to: { host: '10.0.0.2', port: 80 },
    });
    const client = await node().connect({ host: LOCAL, port: forward.port as number });
    const peer = await listener.accept();
    await client.writable.getWriter().write(bytes('request'));
    const { value } = await peer.readable.getReader().read();
    expect(text(value as Uint8Array)).toBe('request');
    const [flow] = [...gateway.flows()];
    expect(flow).toMatchObject({
      direction: 'in',
      source: { address: LOCAL },
      destination: { address: '10.0.0.2', port: 80 },
    });
    await forward.close();
    await until(() => gateway.statistics.tcpFlows === 0);
    expect(events.map((event) => event.kind)).toEqual(['open', 'close']);
    await outcome(node().connect({ host: LOCAL, port: forward.port as number }));
  });

  test('resets a client that the guest refuses', async () => {
    const { gateway, events } = await gatewayNetwork();
    const forward = await gateway.forward({
      listen: { transport: node(), host: LOCAL, port: 0 },
      to: { host: '10.0.0.2', port: 81 },
    });
    const reading = node()
      .connect({ host: LOCAL, port: forward.port as number })
      .then((client) => readAll(client.readable));
    expect(await outcome(reading)).toBe(CAN_RESET ? 'ECONNRESET' : 'ok');
    expect(events).toMatchObject([{ kind: 'fail', error: { code: 'ECONNREFUSED' } }]);
  });

  test.each([1, 2] as const)('tells the client by PROXY protocol %i', async (version) => {
    const { guest, gateway } = await gatewayNetwork();
    const listener = await guest.listenTcp({ port: 80 });
    const forward = await gateway.forward({
      listen: { transport: node(), host: LOCAL, port: 0 },
      to: { host: '10.0.0.2', port: 80 },
      proxyProtocol: version,
    });
    const client = await node().connect({ host: LOCAL, port: forward.port as number });
    const from = (client as { localPort?: number }).localPort as number;
    const peer = await listener.accept();
    await client.writable.getWriter().close();
    const head = await readAll(peer.readable);
    if (version === 1) {
      expect(text(head)).toBe(`PROXY TCP4 127.0.0.1 127.0.0.1 ${from} ${forward.port}\r\n`);
    } else {
      const view = new DataView(head.buffer, head.byteOffset);
      expect(head).toHaveLength(28);
      expect([...head.subarray(12, 24)]).toEqual([0x21, 0x11, 0, 12, 127, 0, 0, 1, 127, 0, 0, 1]);
      expect(view.getUint16(24)).toBe(from);
      expect(view.getUint16(26)).toBe(forward.port);
    }
  });

  test('of UDP keeps clients apart', async () => {
    const { guest, gateway } = await gatewayNetwork();
    const served = await guest.openUdp({ port: 53 });
    const forward = await gateway.forward({
      listen: { transport: node(), host: LOCAL, port: 0, protocol: 'udp' },
      to: { host: '10.0.0.2', port: 53 },
    });
    void (async () => {
      for await (const one of served) {
        await served.send(bytes(`${text(one.data)} of ${one.port}`), one);
      }
    })();
    const answers: string[] = [];
    for (const name of ['a', 'b']) {
      const client = createSocket('udp4');
      onTestFinished(() => void client.close());
      client.send(name, forward.port as number, LOCAL);
      const [data] = (await once(client, 'message')) as [Uint8Array];
      answers.push(text(data));
    }
    expect(answers[0]).toMatch(/^a of \d+$/);
    expect(answers[1]).toMatch(/^b of \d+$/);
    expect(answers[0]?.slice(1)).not.toBe(answers[1]?.slice(1));
    expect(gateway.statistics.udpMappings).toBe(2);
    await gateway.close();
    expect(gateway.statistics.udpMappings).toBe(0);
  });

  test('goes to a name, and fails while nobody has it', async () => {
    const { guest, gateway } = await gatewayNetwork({
      guestAddress: (name) => (name === 'vm' ? '10.0.0.2' : undefined),
    });
    const listener = await guest.listenTcp({ port: 80 });
    const listen = { transport: node(), host: LOCAL, port: 0 };
    const vm = await gateway.forward({ listen, to: { host: 'vm', port: 80 } });
    await node().connect({ host: LOCAL, port: vm.port as number });
    await listener.accept();
    const other = await gateway.forward({ listen, to: { host: 'nobody', port: 80 } });
    const reading = node()
      .connect({ host: LOCAL, port: other.port as number })
      .then((client) => readAll(client.readable));
    expect(await outcome(reading)).toBe(CAN_RESET ? 'ECONNRESET' : 'ok');
  });

  test.each([
    ['8080:80', 'tcp', LOCAL, 8080, '', 80],
    ['0:80', 'tcp', LOCAL, 0, '', 80],
    ['127.0.0.1:2222:22', 'tcp', LOCAL, 2222, '', 22],
    ['0.0.0.0:53:53/udp', 'udp', '0.0.0.0', 53, '', 53],
    ['8080:vm:80', 'tcp', LOCAL, 8080, 'vm', 80],
    ['8080:10.0.0.5:80/tcp', 'tcp', LOCAL, 8080, '10.0.0.5', 80],
    ['[::1]:8080:[fd00::5]:80', 'tcp', '::1', 8080, 'fd00::5', 80],
    ['localhost:8080:vm:80', 'tcp', 'localhost', 8080, 'vm', 80],
  ] as const)('is read from %s', (given, protocol, host, port, to, guestPort) => {
    expect(parseForward(given)).toEqual({
      protocol,
      host,
      port,
      to: { host: to, port: guestPort },
    });
  });

  test.each([
    ...['', '80', ':80', '80:', 'a:b', '80:0', '80:65536', '1:2:3:4:5', '80:80/sctp', '80::80'],
    ...['::1:80:80', '[::1:80:80', '[x]:80:80', '1.2.3:80:80', '80:80:80', 'a:80:80:80'],
  ])('is refused: %j', (given) => {
    expect(() => parseForward(given)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  test.each([
    { to: { host: '10.0.0.2', port: 0 } },
    { to: { host: '10.0.0.2', port: 80 }, proxyProtocol: 3 },
  ] as never[])('with %j is refused', async (given: object) => {
    const { gateway } = await gatewayNetwork();
    const listen = { transport: node(), host: LOCAL, port: 0 };
    expect(await outcome(gateway.forward({ listen, ...given } as never))).toBe('EINVAL');
  });
});
