// SPDX-License-Identifier: MIT
// gateway_native.test - the sockets of Deno and Bun, Direct Sockets, and node() as ways out: one table

import { createDirectSockets } from 'ringstack/direct-sockets';
import {
  bun,
  deno,
  directSockets,
  type NativeTransport,
  node,
  type StreamConnection,
} from 'ringstack/gateway';
import { describe, expect, onTestFinished, test } from 'vitest';
import { gatewayNetwork } from '../helpers/gateway.ts';
import { bytes, openStack, outcome, readAll, text, until } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { sameBytes } from '../helpers/runtime.ts';

const LOCAL = '127.0.0.1';
const IN_DENO = 'Deno' in globalThis;
const IN_BUN = 'Bun' in globalThis;

interface Way {
  readonly name: string;
  readonly isHere: boolean;
  /** Whether abort() is a reset for the other side. */
  readonly hasResets: boolean;
  open(): NativeTransport | Promise<NativeTransport>;
}

const WAYS: readonly Way[] = [
  { name: 'node()', isHere: 'process' in globalThis, hasResets: !IN_BUN, open: node },
  { name: 'deno()', isHere: IN_DENO, hasResets: false, open: deno },
  { name: 'bun()', isHere: IN_BUN, hasResets: true, open: bun },
  {
    name: 'directSockets()',
    isHere: true,
    hasResets: false,
    open: async () => directSockets({ classes: createDirectSockets(await openStack()) }),
  },
];
const HERE = WAYS.filter(({ isHere }) => isHere);

/** Both ends of a connection over a way. */
async function openEnds(way: NativeTransport): Promise<[StreamConnection, StreamConnection]> {
  const listener = await way.listen({ host: LOCAL, port: 0 });
  onTestFinished(() => listener.close?.());
  const ours = await way.connect({ host: LOCAL, port: listener.port as number });
  const { value } = await listener[Symbol.asyncIterator]().next();
  onTestFinished(() => ours.abort?.());
  onTestFinished(() => value?.abort?.());
  return [ours, value as StreamConnection];
}

async function send(connection: StreamConnection, data: Uint8Array): Promise<void> {
  const writer = connection.writable.getWriter();
  for (let at = 0; at < data.length; at += 50_000) await writer.write(data.slice(at, at + 50_000));
  await writer.close();
}

describe.each(HERE)('$name', ({ open, hasResets }) => {
  test('carries bytes both ways intact, and half closes', async () => {
    const [ours, theirs] = await openEnds(await open());
    const data = new Prng(1).bytes(3_000_000);
    const coming = readAll(theirs.readable);
    await send(ours, data);
    expect(sameBytes(await coming, data)).toBe(true);
    // Our side has ended; the way back is open.
    const back = readAll(ours.readable);
    await send(theirs, data.subarray(0, 1_000_000));
    expect(sameBytes(await back, data.subarray(0, 1_000_000))).toBe(true);
  });

  test('holds a sender off while nobody reads', async () => {
    const [ours, theirs] = await openEnds(await open());
    const writer = ours.writable.getWriter();
    let written = 0;
    const chunk = new Uint8Array(65_536);
    const writing = (async () => {
      for (; written < 64 * 1024 * 1024; written += chunk.length) {
        await writer.ready;
        writer.write(chunk.slice()).catch(() => {});
      }
    })();
    writing.catch(() => {});
    let before = -1;
    await until(() => {
      const isStill = written === before;
      before = written;
      return isStill && written > 0;
    });
    expect(written).toBeLessThan(32 * 1024 * 1024);
    ours.abort?.();
    theirs.abort?.();
    await outcome(writing);
  });

  test('a readable that is cancelled leaves the way there open', async () => {
    const [ours, theirs] = await openEnds(await open());
    await ours.readable.cancel();
    await send(theirs, new Uint8Array(1_000_000));
    const coming = readAll(theirs.readable);
    await send(ours, bytes('still'));
    expect(text(await coming)).toBe('still');
  });

  test('close() ends both ways, and settles when the other side has ended', async () => {
    const [ours, theirs] = await openEnds(await open());
    const closing = ours.close();
    expect((await readAll(theirs.readable)).length).toBe(0);
    await theirs.close();
    await closing;
  });

  test('abort() ends it for both sides', async () => {
    const [ours, theirs] = await openEnds(await open());
    const reading = outcome(ours.readable.getReader().read());
    const peer = outcome(readAll(theirs.readable));
    ours.abort?.();
    // Bun's node:net ends what is destroyed.
    expect(['ECONNABORTED', 'ECONNRESET', ...(IN_BUN ? ['ok'] : [])]).toContain(await reading);
    const seen = await peer;
    if (hasResets) expect(seen).toBe('ECONNRESET');
    else expect(['ok', 'ECONNRESET']).toContain(seen);
    expect(await outcome(ours.writable.getWriter().write(bytes('x')))).not.toBe('ok');
  });

  test('is refused where nobody listens, and says when a port is taken', async () => {
    const way = await open();
    const listener = await way.listen({ host: LOCAL, port: 0 });
    const port = listener.port as number;
    expect(await outcome(way.listen({ host: LOCAL, port }))).toBe('EADDRINUSE');
    await listener.close?.();
    await listener.close?.();
    expect(await outcome(way.connect({ host: LOCAL, port }))).toBe('ECONNREFUSED');
  });

  test('gives up when it is told to', async () => {
    const way = await open();
    const stop = new AbortController();
    const connecting = way.connect({ host: '192.0.2.1', port: 9, signal: stop.signal });
    stop.abort(new Error('no longer'));
    await expect(connecting).rejects.toThrow();
    await expect(
      way.connect({ host: LOCAL, port: 9, signal: AbortSignal.abort(new Error('before')) }),
    ).rejects.toThrow('before');
  });

  test('a listener that is closed ends its iterator', async () => {
    const listener = await (await open()).listen({ host: LOCAL, port: 0 });
    const next = listener[Symbol.asyncIterator]().next();
    await listener.close?.();
    expect(await next).toMatchObject({ done: true });
  });

  test('sends datagrams, and gives back what comes', async ({ skip }) => {
    const way = await open();
    const served = await way.open({ host: LOCAL, port: 0 }).catch((error) => {
      expect(error).toMatchObject({ code: 'ENOTSUP' });
      return skip('Deno has datagrams with --unstable-net only');
    });
    const socket = await way.open();
    const { localPort: port } = served as { localPort?: number };
    const writer = socket.writable.getWriter();
    await writer.write({ host: LOCAL, port: port as number, data: bytes('ping') });
    const got = (await served[Symbol.asyncIterator]().next()).value;
    expect(got).toMatchObject({ host: LOCAL });
    expect(text(got?.data as Uint8Array)).toBe('ping');
    await served.writable.getWriter().write({ ...got, data: bytes('pong') } as never);
    const back = (await socket[Symbol.asyncIterator]().next()).value;
    expect(back).toMatchObject({ host: LOCAL, port });
    expect(text(back?.data as Uint8Array)).toBe('pong');
    await served.close();
    await socket.close();
    expect(await outcome(writer.write({ host: LOCAL, port: 1, data: bytes('x') }))).not.toBe('ok');
  });
});

describe('directSockets() as the way out of a gateway', () => {
  test('carries connections and datagrams of guests, and refuses as the far side does', async () => {
    const { guest, outside, gateway } = await gatewayNetwork((far) => {
      const way = directSockets({ classes: createDirectSockets(far) });
      return { tcp: way, udp: way };
    });
    const listener = await outside.listenTcp({ port: 80 });
    const client = await guest.connectTcp({ host: '203.0.113.7', port: 80 });
    const server = await listener.accept();
    void server.readable.pipeTo(server.writable);
    const data = new Prng(2).bytes(500_000);
    const back = readAll(client.readable);
    await send(client, data);
    expect(sameBytes(await back, data)).toBe(true);
    expect(await outcome(guest.connectTcp({ host: '203.0.113.7', port: 81 }))).toBe('ECONNREFUSED');
    const echo = await outside.openUdp({ port: 7 });
    const ours = await guest.openUdp();
    await ours.send(bytes('ping'), { host: '203.0.113.7', port: 7 });
    const got = await echo.receive();
    await echo.send(bytes('pong'), got);
    expect(text((await ours.receive()).data)).toBe('pong');
    await until(() => gateway.statistics.tcpFlows === 0);
  });

  test("takes the runtime's own classes", async () => {
    const globals = globalThis as Record<string, unknown>;
    Object.assign(globals, createDirectSockets(await openStack()));
    onTestFinished(() => {
      for (const name of ['TCPSocket', 'TCPServerSocket', 'UDPSocket']) delete globals[name];
    });
    const [ours, theirs] = await openEnds(directSockets());
    await send(ours, bytes('hello'));
    expect(text(await readAll(theirs.readable))).toBe('hello');
  });

  test('says what the runtime does not have', async () => {
    const way = directSockets({ classes: {} });
    expect(await outcome(way.connect({ host: LOCAL, port: 1 }))).toBe('ENOTSUP');
    expect(await outcome(way.listen({ host: LOCAL, port: 1 }))).toBe('ENOTSUP');
    expect(await outcome(way.open())).toBe('ENOTSUP');
  });

  test('a browser that tells no reason is a refusal, and one that forbids it says so', async () => {
    const failing = (name: string) =>
      class {
        readonly opened = Promise.reject(new DOMException('no', name));
        readonly closed = new Promise(() => {});
      };
    const outcomeOf = (name: string) => {
      const way = directSockets({ classes: { TCPSocket: failing(name) } });
      return outcome(way.connect({ host: LOCAL, port: 1 }));
    };
    expect(await outcomeOf('NetworkError')).toBe('ECONNREFUSED');
    expect(await outcomeOf('NotAllowedError')).toBe('EPERM');
  });
});

test.each([
  ['deno', IN_DENO, deno],
  ['bun', IN_BUN, bun],
] as const)('%s() elsewhere says that there are no such sockets', async (_, isHere, open) => {
  if (!isHere) expect(await outcome(open().connect({ host: LOCAL, port: 1 }))).toBe('ENOTSUP');
  expect(() => open({ nodelay: true } as never)).toThrow(
    expect.objectContaining({ code: 'EINVAL' }),
  );
});
