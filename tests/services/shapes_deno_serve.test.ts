// SPDX-License-Identifier: MIT
// shapes_deno_serve.test - ringstack/deno: datagrams, HTTP, DNS and TLS

import type { NetworkStack } from 'ringstack';
import { type Conn, createDeno, type DenoApi, type TcpConn } from 'ringstack/deno';
import { createDns } from 'ringstack/dns';
import { describe, expect, test } from 'vitest';
import { fakeTls } from '../helpers/fake_tls.ts';
import { bytes, openStack, text, until } from '../helpers/net.ts';

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

test('datagrams go both ways, are cut to a buffer, and end with the socket', async () => {
  const { Deno } = await openDeno();
  const a = Deno.listenDatagram({ transport: 'udp' });
  const b = Deno.listenDatagram({ transport: 'udp', hostname: '127.0.0.1' });
  expect(a.addr).toMatchObject({ transport: 'udp', hostname: '0.0.0.0' });
  expect(() => Deno.listenDatagram({ transport: 'udp', port: a.addr.port })).toThrow(
    Deno.errors.AddrInUse,
  );
  expect(await b.send(bytes('hello'), a.addr)).toBe(5);
  const [data, from] = await a.receive();
  expect([text(data), from]).toEqual(['hello', b.addr]);
  await a.send(bytes('answer'), from);
  const p = new Uint8Array(3);
  const [part] = await b.receive(p);
  expect([text(part), part.buffer]).toEqual(['ans', p.buffer]);
  await expect(b.send(new Uint8Array(65_508), a.addr)).rejects.toThrow(
    'Message too long (os error 90)',
  );
  const heard: string[] = [];
  const loop = (async () => {
    for await (const [one] of a) heard.push(text(one));
  })();
  for (const word of ['1', '2', '3']) await b.send(bytes(word), a.addr);
  await until(() => heard.length === 3);
  a.close();
  await loop;
  expect(heard).toEqual(['1', '2', '3']);
  expect(() => a.close()).toThrow(Deno.errors.BadResource);
  await expect(a.send(bytes('x'), b.addr)).rejects.toThrow(Deno.errors.BadResource);
  b.close();
});

test('a member of a group gets what is sent to it, on any of both families', async () => {
  const { stack, Deno } = await openDeno();
  await stack.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
  const a = Deno.listenDatagram({
    transport: 'udp',
    port: 5000,
    reuseAddress: true,
    loopback: true,
  });
  const b = Deno.listenDatagram({ transport: 'udp', port: 5000, reuseAddress: true });
  const four = await b.joinMulticastV4('224.0.0.9', '10.0.0.1');
  await (await a.joinMulticastV4('224.0.0.9', '0.0.0.0')).setTTL(3);
  await a.send(bytes('group'), { hostname: '224.0.0.9', port: 5000 });
  expect(text((await b.receive())[0])).toBe('group');
  await four.setLoopback(false);
  await expect(four.setLoopback(true)).rejects.toThrow(Deno.errors.NotSupported);
  await four.leave();
  await expect(four.leave()).rejects.toThrow(Deno.errors.AddrNotAvailable);
  await expect(b.joinMulticastV4('10.0.0.7', '0.0.0.0')).rejects.toThrow(TypeError);
  await expect(b.joinMulticastV4('224.0.0.9', '10.0.0.77')).rejects.toThrow('No such device');
  const six = Deno.listenDatagram({ transport: 'udp', port: 5001, hostname: '::', loopback: true });
  const membership = await six.joinMulticastV6('ff02::9', 2);
  await six.send(bytes('six'), { hostname: 'ff02::9%2', port: 5001 });
  expect(text((await six.receive())[0])).toBe('six');
  await membership.leave();
  await expect(six.joinMulticastV6('ff02::9', 7)).rejects.toThrow('No such device');
});

test('serve() answers, tells its address at once, and ends in order', async () => {
  const { Deno } = await openDeno();
  const heard: unknown[] = [];
  const server = Deno.serve(
    { port: 0, onListen: (addr) => void heard.push(addr.port) },
    async (request, { remoteAddr, completed }) => {
      void completed.then(() => heard.push('completed'));
      return new Response(`${remoteAddr.hostname} ${new URL(request.url).pathname}`);
    },
  );
  expect(heard).toEqual([server.addr.port]);
  expect(() => Deno.serve({ port: server.addr.port }, () => new Response())).toThrow(
    Deno.errors.AddrInUse,
  );
  expect(() => Deno.serve({ port: 1 } as never)).toThrow(/handler must be a function/);
  using client = await Deno.connect({ port: server.addr.port });
  await client.write(bytes('GET /path HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'));
  expect(text(await readToEnd(client))).toMatch(/^HTTP\/1.1 200 OK[\s\S]*127.0.0.1 \/path/);
  await until(() => heard.includes('completed'));
  await server.shutdown();
  await server.finished;
  const { port } = server.addr;
  expect(await failure(() => Deno.connect({ port }))).toBe('ConnectionRefused');
  Deno.listen({ port }).close();
});

test('a signal ends a server with its connections, and a taken port fails `finished`', async () => {
  const { stack, Deno } = await openDeno();
  const controller = new AbortController();
  const server = Deno.serve(
    { port: 0, signal: controller.signal },
    () => new Promise<Response>(() => {}),
  );
  using client = await Deno.connect({ port: server.addr.port });
  await client.write(bytes('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
  controller.abort();
  await server.finished;
  expect(await failure(() => readToEnd(client))).toMatch(/ok|ConnectionReset/);
  await stack.listenTcp({ port: 81 });
  const refused = Deno.serve({ port: 81 }, () => new Response());
  refused.unref();
  refused.ref();
  await expect(refused.finished).rejects.toThrow(Deno.errors.AddrInUse);
  await refused.shutdown();
});

test('a request becomes a WebSocket', async () => {
  const { Deno, stack } = await openDeno();
  const server = Deno.serve({ port: 0 }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: 'echo' });
    socket.onmessage = ({ data }) => socket.send(`echo ${data}`);
    return response;
  });
  const { createHttp } = await import('ringstack/http');
  const { WebSocket } = await createHttp(stack);
  const client = new WebSocket(`ws://127.0.0.1:${server.addr.port}/`, 'echo');
  client.onopen = () => client.send('hello');
  const answer = await new Promise((resolve) => {
    client.onmessage = ({ data }) => resolve(data);
  });
  expect([answer, client.protocol]).toEqual(['echo hello', 'echo']);
  client.close();
  await server.shutdown();
});

test('resolveDns() gives records in the shapes of Deno', async () => {
  const { stack, Deno } = await openDeno();
  const dns = await createDns(stack);
  await dns.serve({
    port: 5353,
    request: ({ name, type }) => {
      if (name !== 'a.test') return undefined;
      if (type === 'A') return { type, ip: '10.0.0.7' };
      if (type === 'MX') return { type, preference: 5, exchange: 'mail.a.test' };
      if (type === 'TXT') return { type, value: 'some text' };
      if (type === 'CAA') return { type, flags: 128, tag: 'issue', value: 'ca' };
      if (type === 'SRV') return { type, priority: 1, weight: 2, port: 3, target: 'b.test' };
      return undefined;
    },
  });
  const options = { nameServer: { ipAddr: '127.0.0.1', port: 5353 } };
  const ask = <T extends Parameters<DenoApi['resolveDns']>[1]>(type: T) =>
    Deno.resolveDns('a.test', type, options);
  expect(await ask('A')).toEqual(['10.0.0.7']);
  expect(await ask('MX')).toEqual([{ preference: 5, exchange: 'mail.a.test.' }]);
  expect(await ask('TXT')).toEqual([['some text']]);
  expect(await ask('CAA')).toEqual([{ critical: true, tag: 'issue', value: 'ca' }]);
  expect(await ask('SRV')).toEqual([{ priority: 1, weight: 2, port: 3, target: 'b.test.' }]);
  await expect(Deno.resolveDns('b.test', 'A', options)).rejects.toThrow(Deno.errors.NotFound);
  await expect(Deno.resolveDns('a.test', 'X' as 'A')).rejects.toThrow(TypeError);
  const signal = AbortSignal.abort(new Error('mine'));
  await expect(Deno.resolveDns('a.test', 'A', { signal })).rejects.toThrow('mine');
  const client = createDeno(stack, {
    dns: await createDns(stack, {
      client: { nameServer: { ip: '127.0.0.1', port: 5353 } },
    }),
  });
  expect(await client.resolveDns('a.test', 'A')).toEqual(['10.0.0.7']);
});

describe('TLS by a provider', () => {
  test('without one, calls that need it say so', async () => {
    const { Deno } = await openDeno();
    const { client } = await pairOf(Deno);
    await expect(Deno.connectTls({ port: 1 })).rejects.toThrow(Deno.errors.NotSupported);
    await expect(Deno.startTls(client)).rejects.toThrow(Deno.errors.NotSupported);
    expect(() => Deno.serve({ cert: 'c', key: 'k' }, () => new Response())).toThrow(
      Deno.errors.NotSupported,
    );
    expect(() => Deno.serve({ cert: 'c' }, () => new Response())).toThrow(TypeError);
  });

  test('connectTls() and serve() speak over it', async () => {
    const stack = await openStack({ hosts: '127.0.0.1 a.test wrong.name' });
    const tls = fakeTls();
    const Deno = createDeno(stack, { tls });
    const server = Deno.serve({ port: 0, cert: 'c', key: 'k' }, ({ url }) => new Response(url));
    const { port } = server.addr;
    const conn = await Deno.connectTls({ port, hostname: 'a.test', alpnProtocols: ['http/1.1'] });
    expect(await conn.handshake()).toEqual({ alpnProtocol: 'http/1.1' });
    await conn.write(bytes('GET /x HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n'));
    expect(text(await readToEnd(conn, 10))).toContain('https://a.test/x');
    conn.close();
    expect(tls.names).toEqual(['a.test']);
    await expect(Deno.connectTls({ port, hostname: 'wrong.name' })).rejects.toThrow('handshake');
    await server.shutdown();
    await until(() => stack.statistics.sockets === 0);
  });

  test('startTls() takes a connection over, but not one that is used or has bytes left', async () => {
    const stack = await openStack();
    const tls = fakeTls();
    const Deno = createDeno(stack, { tls });
    const { client, server } = await pairOf(Deno);
    const reading = client.read(new Uint8Array(2));
    await expect(Deno.startTls(client)).rejects.toThrow(Deno.errors.Busy);
    await server.write(bytes('ok'));
    await reading;
    const securing = Deno.startTls(client, { hostname: 'a.test', alpnProtocols: ['x'] });
    // The server's side of the handshake, by hand.
    const p = new Uint8Array(100);
    const length = await server.read(p);
    expect(text(p.subarray(0, length ?? 0))).toBe('a.test x\n');
    await server.write(bytes('ok x\n'));
    const secured = await securing;
    expect((await secured.handshake()).alpnProtocol).toBe('x');
    await expect(client.read(p)).rejects.toThrow(Deno.errors.BadResource);
    await secured.write(bytes('a'));
    expect([await server.read(p), p[0]]).toEqual([1, 'a'.charCodeAt(0) ^ 0xff]);
    secured.close();
    expect(await server.read(p)).toBe(null);
    server.close();
    const other = await pairOf(Deno);
    await other.server.write(bytes('two'));
    await other.client.read(new Uint8Array(1));
    await expect(Deno.startTls(other.client)).rejects.toThrow('bytes that were not read');
  });
});

test('calls on a stack that is closed settle', async () => {
  const { stack, Deno } = await openDeno();
  const { client, server } = await pairOf(Deno);
  const listener = Deno.listen({ port: 0 });
  const socket = Deno.listenDatagram({ transport: 'udp' });
  const served = Deno.serve({ port: 0 }, () => new Response());
  const waiting = [
    failure(() => client.read(new Uint8Array(1))),
    failure(() => listener.accept()),
    failure(() => socket.receive()),
    failure(() => served.finished),
  ];
  await until(() => stack.statistics.sockets >= 5);
  await stack.close();
  expect(await Promise.all(waiting)).toEqual(['BadResource', 'BadResource', 'BadResource', 'ok']);
  expect(await failure(() => Deno.listen({ port: 0 }).accept())).toMatch(
    /AddrNotAvailable|BadResource/,
  );
  server.close();
  client.close();
});
