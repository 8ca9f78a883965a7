// SPDX-License-Identifier: MIT
// shapes_deno.test - ringstack/deno: the network of Deno over a stack
//
// Deno's own tests (docs/sockets.md) say whether it behaves as Deno's; here is what those cannot: both engines, two stacks,
// ports that others have, memory that is given back.

import type { NetworkStack } from 'ringstack';
import { type Conn, createDeno, type DenoApi, type TcpConn } from 'ringstack/deno';
import { connect } from 'ringstack/link';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { DenoNet } from '../helpers/deno_types.ts';
import { hashOf } from '../helpers/hash.ts';
import { bytes, openStack, readAll, settle, text, until } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { ENGINE, NO_PROCESSES, runProgram } from '../helpers/runtime.ts';

async function openDeno(): Promise<{ stack: NetworkStack; Deno: DenoApi }> {
  const stack = await openStack();
  return { stack, Deno: createDeno(stack) };
}

/** Both ends of a connection. */
async function pairOf(Deno: DenoApi): Promise<{ client: TcpConn; server: TcpConn }> {
  using listener = Deno.listen({ port: 0 });
  const [client, server] = await Promise.all([
    Deno.connect({ port: listener.addr.port }),
    listener.accept(),
  ]);
  return { client, server };
}

/** Reads by read() until the end, in small pieces. */
async function readToEnd(conn: Conn, size = 1000): Promise<Uint8Array> {
  const all: number[] = [];
  const p = new Uint8Array(size);
  for (let n = await conn.read(p); n !== null; n = await conn.read(p))
    all.push(...p.subarray(0, n));
  return Uint8Array.from(all);
}

/** The class of the error of a call. */
async function failure(call: () => unknown): Promise<string> {
  try {
    await call();
    return 'ok';
  } catch (error) {
    return (error as Error).name;
  }
}

test('it has the public types of Deno', async () => {
  const { Deno } = await openDeno();
  const net: DenoNet.Net = Deno;
  expect(typeof net.connect).toBe('function');
});

test('bytes arrive in order both ways, whatever the sizes of buffers', async () => {
  const { Deno } = await openDeno();
  const { client, server } = await pairOf(Deno);
  const data = new Prng(3).bytes(300_001);
  const echo = (async () => {
    const p = new Uint8Array(7777);
    for (let n = await server.read(p); n !== null; n = await server.read(p)) {
      expect(await server.write(p.subarray(0, n))).toBe(n);
    }
    await server.closeWrite();
  })();
  const sent = (async () => {
    for (let at = 0; at < data.length; at += 50_000)
      await client.write(data.subarray(at, at + 50_000));
    await client.closeWrite();
  })();
  const heard = await readToEnd(client, 1013);
  await Promise.all([sent, echo]);
  expect(hashOf(heard)).toBe(hashOf(data));
  expect(await client.read(new Uint8Array(1))).toBe(null);
  expect(await client.read(new Uint8Array(0))).toBe(0);
  client.close();
  server.close();
});

test('listen() knows its address at once, and throws at once if the port is taken', async () => {
  const { Deno } = await openDeno();
  using listener = Deno.listen({});
  const { port } = listener.addr;
  expect(listener.addr).toEqual({ transport: 'tcp', hostname: '0.0.0.0', port });
  expect(port).toBeGreaterThan(0);
  for (const hostname of ['0.0.0.0', '127.0.0.1', '::', 'localhost', undefined]) {
    expect(() => Deno.listen({ port, ...(hostname && { hostname }) })).toThrow(
      Deno.errors.AddrInUse,
    );
  }
  using six = Deno.listen({ port, hostname: '::1' });
  expect(six.addr.hostname).toBe('::1');
  expect(() => Deno.listen({ port: 1, hostname: '10.9.9.9' })).toThrow(
    Deno.errors.AddrNotAvailable,
  );
  expect(() => Deno.listen({ port: -1 })).toThrow(RangeError);
  expect(() => Deno.listen({ port: 1.5 })).toThrow(TypeError);
  expect(() => Deno.listen({ hostname: 'no.such.name' })).toThrow(/failed to lookup/);
  const options = { transport: 'unix', path: '/tmp/x' } as unknown as { transport: 'tcp' };
  expect(() => Deno.listen(options)).toThrow("Unsupported transport: 'unix'");
});

test('a connection that is asked for right behind listen() reaches it', async () => {
  const { Deno } = await openDeno();
  for (let n = 0; n < 20; n++) {
    using listener = Deno.listen({ port: 4000 });
    using client = await Deno.connect({ port: 4000 });
    using server = await listener.accept();
    expect(server.remoteAddr).toEqual(client.localAddr);
  }
});

test('a listener that is closed while it opens leaves its port to the next one', async () => {
  const { stack, Deno } = await openDeno();
  for (let n = 0; n < 20; n++) Deno.listen({ port: 4000 }).close();
  using listener = Deno.listen({ port: 4000 });
  const accepting = listener.accept();
  await settle();
  using client = await Deno.connect({ port: 4000 });
  (await accepting).close();
  for (let n = 0; n < 20; n++) Deno.listenDatagram({ transport: 'udp', port: 4000 }).close();
  const socket = Deno.listenDatagram({ transport: 'udp', port: 4000 });
  await socket.send(bytes('x'), socket.addr);
  expect((await socket.receive())[0]).toEqual(bytes('x'));
  socket.close();
  client.close();
  listener.close();
  await until(() => stack.statistics.sockets === 0);
});

test('a port that another part of the program has fails accept(), and one chosen for it is changed', async () => {
  const { stack, Deno } = await openDeno();
  await stack.listenTcp({ port: 80 });
  using taken = Deno.listen({ port: 80 });
  await expect(taken.accept()).rejects.toThrow(Deno.errors.AddrInUse);
  for (const port of [61_000, 61_001, 61_002]) await stack.listenTcp({ port });
  const { random } = Math;
  onTestFinished(() => void Object.assign(Math, { random }));
  let n = 0;
  Math.random = () => n++ / 4536;
  using listener = Deno.listen({});
  const accepting = listener.accept();
  await until(() => stack.statistics.sockets === 5);
  using client = await Deno.connect({ port: 61_003 });
  expect((await accepting).remoteAddr).toEqual(client.localAddr);
  expect(listener.addr.port).toBe(61_003);
  // A port that the program has seen stays, and fails.
  n = 0;
  using seen = Deno.listen({});
  expect(seen.addr.port).toBe(61_000);
  await expect(seen.accept()).rejects.toThrow(Deno.errors.AddrInUse);
});

test('one accept() waits at a time, and close() ends it', async () => {
  const { Deno } = await openDeno();
  const listener = Deno.listen({ port: 0 });
  const waiting = listener.accept();
  await expect(listener.accept()).rejects.toThrow(Deno.errors.Busy);
  listener.close();
  await expect(waiting).rejects.toThrow('Listener has been closed');
  expect(() => listener.close()).toThrow(Deno.errors.BadResource);
  expect(await listener[Symbol.asyncIterator]().next()).toEqual({ value: undefined, done: true });
});

test('leaving a loop over connections closes the listener', async () => {
  const { Deno } = await openDeno();
  const listener = Deno.listen({ port: 0 });
  const { port } = listener.addr;
  const client = await Deno.connect({ port });
  for await (const conn of listener) {
    conn.close();
    break;
  }
  expect(await failure(() => listener.accept())).toBe('BadResource');
  expect(await failure(() => Deno.connect({ port }))).toBe('ConnectionRefused');
  client.close();
});

test('errors are of the classes of Deno, with their codes and the cause', async () => {
  const { Deno } = await openDeno();
  const refused = await Deno.connect({ port: 9 }).catch((error) => error);
  expect(refused).toBeInstanceOf(Deno.errors.ConnectionRefused);
  expect(refused).toMatchObject({ name: 'ConnectionRefused', code: 'ECONNREFUSED' });
  expect(refused.message).toBe('Connection refused (os error 111)');
  expect(refused.cause.message).toContain('127.0.0.1:9');
  expect(await failure(() => Deno.connect({ port: 0 }))).toBe('RangeError');
  expect(await failure(() => Deno.connect({ port: 1, hostname: 'no.such.name' }))).toBe('Error');
  const aborted = AbortSignal.abort(new Error('mine'));
  await expect(Deno.connect({ port: 9, signal: aborted })).rejects.toThrow('mine');
});

test('read() and write() tell that the peer reset, and that the connection is closed', async () => {
  const { stack, Deno } = await openDeno();
  const listener = await stack.listenTcp({ port: 80 });
  const client = await Deno.connect({ port: 80 });
  const peer = await listener.accept();
  const reading = client.read(new Uint8Array(1));
  peer.abort();
  await expect(reading).rejects.toThrow(Deno.errors.ConnectionReset);
  await expect(client.write(bytes('x'))).rejects.toThrow(Deno.errors.ConnectionReset);
  client.close();
  await expect(client.write(bytes('x'))).rejects.toThrow(Deno.errors.BadResource);
  await expect(client.read(new Uint8Array(1))).rejects.toThrow(Deno.errors.BadResource);
  await expect(client.closeWrite()).rejects.toThrow(Deno.errors.BadResource);
  expect(() => client.close()).toThrow(Deno.errors.BadResource);
  expect(() => client.setNoDelay()).toThrow(Deno.errors.BadResource);
  {
    using again = client; // disposing of what is closed throws nothing
    expect(again).toBe(client);
  }
});

test('close() ends reads and writes that wait, and what was written still arrives', async () => {
  const { stack, Deno } = await openDeno();
  const { client, server } = await pairOf(Deno);
  const reading = client.read(new Uint8Array(1));
  await client.write(bytes('last words'));
  client.close();
  await expect(reading).rejects.toThrow(Deno.errors.Interrupted);
  expect(text(await readToEnd(server))).toBe('last words');
  server.close();
  await until(() => stack.statistics.sockets === 0);
});

test('closeWrite() ends one side', async () => {
  const { Deno } = await openDeno();
  const { client, server } = await pairOf(Deno);
  client.setNoDelay(false);
  client.setKeepAlive(true);
  client.setKeepAlive(false);
  await client.closeWrite();
  await client.closeWrite();
  await expect(client.write(bytes('x'))).rejects.toThrow(Deno.errors.BrokenPipe);
  expect(await server.read(new Uint8Array(1))).toBe(null);
  await server.write(bytes('still'));
  server.close();
  expect(text(await readToEnd(client))).toBe('still');
  client.close();
});

test('streams carry bytes, and close the connection when they end', async () => {
  const { stack, Deno } = await openDeno();
  const { client, server } = await pairOf(Deno);
  const data = new Prng(5).bytes(1_000_003);
  const piping = server.readable.pipeTo(server.writable);
  const writer = client.writable.getWriter();
  const writing = writer.write(data);
  const reader = client.readable.getReader();
  let left = data.length;
  const heard: Uint8Array[] = [];
  while (left > 0) {
    const { value } = await reader.read();
    heard.push(value as Uint8Array);
    left -= value?.length ?? 0;
  }
  await writing;
  await reader.cancel();
  await piping;
  expect(await failure(() => client.write(bytes('x')))).toBe('BadResource');
  expect(
    hashOf(await readAll(new Response(new Blob(heard as BlobPart[])).body as ReadableStream)),
  ).toBe(hashOf(data));
  await until(() => stack.statistics.sockets === 0);
});

test('read() and the readable share the bytes: none is lost between them', async () => {
  const { Deno } = await openDeno();
  const { client, server } = await pairOf(Deno);
  await server.write(bytes('abcdefgh'));
  server.close();
  const p = new Uint8Array(3);
  expect(await client.read(p)).toBe(3);
  const reader = client.readable.getReader();
  expect(text((await reader.read()).value as Uint8Array)).toBe('defgh');
  expect((await reader.read()).done).toBe(true);
});

test('two stacks speak over a link', async () => {
  const [a, b] = [await openDeno(), await openDeno()];
  connect(
    await a.stack.createTapInterface({ ip: '10.0.0.1/24' }),
    await b.stack.createTapInterface({ ip: '10.0.0.2/24' }),
  );
  a.stack.hosts.set('db.internal', '10.0.0.2');
  b.stack.hosts.set('me', '10.0.0.2');
  using listener = b.Deno.listen({ hostname: 'me', port: 0 });
  expect(listener.addr.hostname).toBe('10.0.0.2');
  using client = await a.Deno.connect({ hostname: 'db.internal', port: listener.addr.port });
  using server = await listener.accept();
  expect([client.localAddr.hostname, server.localAddr.hostname]).toEqual(['10.0.0.1', '10.0.0.2']);
  expect(server.remoteAddr).toEqual(client.localAddr);
});

describe.skipIf(NO_PROCESSES)('a process', () => {
  const dist = (name: string): string => new URL(`../../dist/${name}.js`, import.meta.url).href;

  /** Whether a program ends by itself. */
  async function endOf(lines: string): Promise<string> {
    const printed = await runProgram(`
      import { createStack } from '${dist('index')}';
      import { createDeno } from '${dist('shapes/deno/deno')}';
      const Deno = createDeno(await createStack({ engine: '${ENGINE}' }));
      const listener = Deno.listen({ port: 80 });
      const [client, server] = await Promise.all([Deno.connect({ port: 80 }), listener.accept()]);
      ${lines}
      let end = 'over';
      process.on('exit', () => console.log(end));
      setTimeout(() => { end = 'alive'; process.exit(); }, 1500).unref();`);
    return printed.trim();
  }

  test.each([
    ['open sockets that nothing waits for', ''],
    ['an accept() that is unref()ed', 'listener.unref(); listener.accept();'],
    ['a read that is unref()ed', 'client.read(new Uint8Array(1)); client.unref();'],
    ['a readable that is unref()ed', 'client.unref(); client.readable.getReader().read();'],
  ])('ends in spite of %s', async (_, lines) => {
    expect(await endOf(lines)).toBe('over');
  });

  test.each([
    ['an accept() waits', 'listener.accept();'],
    ['a read waits', 'client.unref(); client.read(new Uint8Array(1)); client.ref();'],
    ['a receive() waits', "Deno.listenDatagram({ transport: 'udp' }).receive();"],
    ['a server listens', 'Deno.serve({ port: 0 }, () => new Response());'],
  ])('stays while %s', async (_, lines) => {
    expect(await endOf(lines)).toBe('alive');
  });
});
