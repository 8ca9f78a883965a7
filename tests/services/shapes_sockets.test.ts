// SPDX-License-Identifier: MIT
// shapes_sockets.test - ringstack/sockets: connect() as WinterTC and Cloudflare have it
//
// Every promise of a socket settles in every state: those tests name the states.

import type { NetworkStack, TcpConnection } from 'ringstack';
import { createConnect, type Socket, type SocketOptions } from 'ringstack/sockets';
import { describe, expect, test } from 'vitest';
import { fakeTls } from '../helpers/fake_tls.ts';
import { hashOf } from '../helpers/hash.ts';
import {
  bytes,
  ignore,
  openStack,
  readAll,
  readUpTo,
  send,
  settle,
  text,
  until,
} from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';

/** The module of Cloudflare, as far as a program sees it. */
interface CloudflareSockets {
  connect(
    address: string | { hostname: string; port: number },
    options?: { secureTransport?: 'off' | 'on' | 'starttls'; allowHalfOpen?: boolean },
  ): CloudflareSocket;
}
interface CloudflareSocket {
  get readable(): ReadableStream;
  get writable(): WritableStream;
  get closed(): Promise<void>;
  get opened(): Promise<{ remoteAddress?: string; localAddress?: string }>;
  get upgraded(): boolean;
  get secureTransport(): 'on' | 'off' | 'starttls';
  close(): Promise<void>;
  startTls(options?: { expectedServerHostname?: string }): CloudflareSocket;
}

const ERROR = /^SocketError: /;

/** How a promise ends: 'ok', or the message of its error. */
const outcomeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error) => (error as Error).message,
  );

/** Whether a promise waits for something that does not come by itself. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  const settled = (): void => {
    isSettled = true;
  };
  promise.then(settled, settled);
  await settle();
  return !isSettled;
}

interface Ends {
  readonly stack: NetworkStack;
  readonly socket: Socket;
  readonly peer: TcpConnection;
}

/** A socket and the other end of its connection. */
async function openEnds(options?: SocketOptions): Promise<Ends> {
  const stack = await openStack();
  const listener = await stack.listenTcp({ port: 80 });
  const socket = createConnect(stack).connect('127.0.0.1:80', options);
  const peer = await listener.accept();
  await listener.close();
  await socket.opened;
  return { stack, socket, peer };
}

test('it has the types of cloudflare:sockets', async () => {
  const sockets: CloudflareSockets = createConnect(await openStack());
  expect(typeof sockets.connect).toBe('function');
});

test('it is there at once, and what is written waits until it is open', async () => {
  const stack = await openStack({ hosts: '127.0.0.1 db.internal' });
  const listener = await stack.listenTcp({ port: 80 });
  const { connect } = createConnect(stack);
  for (const address of ['db.internal:80', { hostname: 'localhost', port: 80 }, '[::1]:80']) {
    const socket = connect(address);
    const writer = socket.writable.getWriter();
    const written = writer.write(bytes('question'));
    const reader = socket.readable.getReader();
    const reading = reader.read();
    const peer = await listener.accept();
    expect(text(await readUpTo(peer.readable, 8))).toBe('question');
    await written;
    await send(peer.writable, bytes('answer'));
    expect(text((await reading).value as Uint8Array)).toBe('answer');
    const info = await socket.opened;
    const host = peer.localAddress.includes(':') ? '[::1]' : '127.0.0.1';
    expect(info).toEqual({
      remoteAddress: `${host}:80`,
      localAddress: `${host}:${peer.remotePort}`,
      alpn: null,
    });
    expect([socket.upgraded, socket.secureTransport]).toEqual([false, 'off']);
    await socket.close();
    await socket.closed;
    expect((await reader.read()).done).toBe(true);
    await expect(writer.write(bytes('x'))).rejects.toThrow('closed');
    await peer.close();
  }
  await listener.close();
  await until(() => stack.statistics.sockets === 0);
});

test('much data arrives in order both ways', async () => {
  const { socket, peer } = await openEnds();
  const data = new Prng(11).bytes(2_000_003);
  const echo = peer.readable.pipeTo(peer.writable);
  const writer = socket.writable.getWriter();
  const sent = writer.write(data).then(() => writer.close());
  expect(hashOf(await readAll(socket.readable))).toBe(hashOf(data));
  await Promise.all([sent, echo, socket.closed]);
});

test('malformed arguments throw a SocketError at once', async () => {
  const { connect } = createConnect(await openStack());
  const bad: [unknown, unknown?][] = [
    [''],
    ['localhost'],
    ['localhost:'],
    ['localhost:0'],
    ['localhost:65536'],
    ['::1:80'],
    ['http://a:80'],
    [{ hostname: 'a', port: 1.5 }],
    [{ hostname: 'a b', port: 80 }],
    [{ port: 80 }],
    [null],
    ['a:80', { secureTransport: 'maybe' }],
    ['a:80', { secureTransport: 'on' }],
    ['a:80', { secureTransport: 'starttls' }],
    ['a:80', { sni: 'a' }],
    ['a:80', { alpn: ['h2'] }],
    ['a:80', { highWaterMark: -1 }],
  ];
  for (const [address, options] of bad) {
    const call = () => connect(address as string, options as SocketOptions);
    expect(call, JSON.stringify([address, options])).toThrow(TypeError);
    expect(call, JSON.stringify([address, options])).toThrow(ERROR);
  }
});

describe('every promise settles', () => {
  test('if it cannot connect: all of them with the same error', async () => {
    const stack = await openStack();
    const socket = createConnect(stack).connect('127.0.0.1:9');
    const reader = socket.readable.getReader();
    const writer = socket.writable.getWriter();
    const reading = reader.read().catch((error) => error);
    const writing = writer.write(bytes('x')).catch((error) => error);
    const error = await socket.opened.catch((reason) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe('SocketError: Cannot connect to 127.0.0.1:9: connection refused');
    expect(error.cause.code).toBe('ECONNREFUSED');
    expect(await reading).toBe(error);
    expect(await writing).toBe(error);
    expect(await socket.closed.catch((reason) => reason)).toBe(error);
    expect(await socket.close().catch((reason) => reason)).toBe(error);
  });

  test('if it is closed while it connects, without and with a reason', async () => {
    const stack = await openStack();
    await stack.createTapInterface({ ip: '10.0.0.1/24' });
    const { connect } = createConnect(stack);
    for (const reason of [undefined, new Error('mine')]) {
      const socket = connect('10.0.0.2:80');
      const reading = socket.readable.getReader().read();
      const writing = socket.writable.getWriter().write(bytes('x'));
      reading.catch(() => {});
      writing.catch(() => {});
      expect(await isPending(socket.opened)).toBe(true);
      await socket.close(reason);
      expect(await outcomeOf(socket.closed)).toBe('ok');
      expect(await outcomeOf(socket.opened)).toMatch(reason ? /^mine$/ : ERROR);
      expect(await outcomeOf(reading)).toBe(reason ? 'mine' : 'ok');
      expect(await outcomeOf(writing)).toMatch(reason ? /^mine$/ : ERROR);
    }
    await until(() => stack.statistics.sockets === 0);
  });

  test('if it is closed while it is open, whatever waits, and twice', async () => {
    for (const reason of [undefined, new Error('mine')]) {
      const { stack, socket, peer } = await openEnds();
      const reading = socket.readable.getReader().read();
      reading.catch(() => {});
      const writer = socket.writable.getWriter();
      void writer.write(bytes('last ')).catch(() => {});
      void writer.write(bytes('words')).catch(() => {});
      const closing = socket.close(reason);
      expect(await outcomeOf(Promise.all([closing, socket.closed, socket.close()]))).toBe('ok');
      expect(await outcomeOf(reading)).toBe(reason ? 'mine' : 'ok');
      expect(await outcomeOf(writer.closed)).toMatch(reason ? /^mine$/ : ERROR);
      expect(text(await readAll(peer.readable))).toBe('last words');
      await peer.close();
      await until(() => stack.statistics.sockets === 0);
    }
  });

  test('if it is closed while a write waits for a peer that reads nothing', async () => {
    const { socket, peer } = await openEnds();
    const writer = socket.writable.getWriter();
    const writing = writer.write(new Uint8Array(20_000_000));
    writing.catch(() => {});
    expect(await isPending(writing)).toBe(true);
    await socket.close();
    expect(await outcomeOf(socket.closed)).toBe('ok');
    expect(await outcomeOf(writer.closed)).toMatch(ERROR);
    peer.abort();
    await outcomeOf(writing);
  });

  test('if the peer ends its side: the socket closes when that was read', async () => {
    const { stack, socket, peer } = await openEnds();
    await send(peer.writable, bytes('bye'));
    void peer.close();
    expect(await isPending(socket.closed)).toBe(true);
    expect(text(await readAll(socket.readable))).toBe('bye');
    await socket.closed;
    await expect(socket.writable.getWriter().write(bytes('x'))).rejects.toThrow(ERROR);
    await until(() => stack.statistics.sockets === 0);
  });

  test('if the peer ends its side with allowHalfOpen: the writable stays', async () => {
    const { stack, socket, peer } = await openEnds({ allowHalfOpen: true });
    await peer.closeWrite();
    expect(await readAll(socket.readable)).toEqual(new Uint8Array());
    expect(await isPending(socket.closed)).toBe(true);
    await send(socket.writable, bytes('still'));
    expect(text(await readUpTo(peer.readable, 5))).toBe('still');
    await socket.writable.close();
    await socket.closed;
    expect(await readAll(peer.readable)).toEqual(new Uint8Array());
    await until(() => stack.statistics.sockets === 0);
  });

  test('if the peer resets: with an error, and streams that fail', async () => {
    const { stack, socket, peer } = await openEnds();
    const reader = socket.readable.getReader();
    const reading = reader.read();
    reading.catch(() => {});
    peer.abort();
    expect(await outcomeOf(socket.closed)).toMatch(/^SocketError: .*reset/);
    expect(await outcomeOf(reading)).toMatch(/^SocketError: .*reset/);
    const writing = socket.writable.getWriter().write(bytes('x'));
    expect(await outcomeOf(writing)).toMatch(/^SocketError: .*reset/);
    expect(await outcomeOf(socket.close())).toMatch(/reset/);
    await until(() => stack.statistics.sockets === 0);
  });

  test('if nothing is read when the peer resets: what came before is still there', async () => {
    const { socket, peer } = await openEnds();
    await send(peer.writable, bytes('before'));
    await settle();
    peer.abort();
    expect(await outcomeOf(socket.closed)).toMatch(/reset/);
    expect(await outcomeOf(readAll(socket.readable))).toMatch(/reset/);
  });

  test('if the writable is aborted, or gets what is no bytes', async () => {
    const one = await openEnds();
    await one.socket.writable.abort(new Error('mine'));
    expect(await outcomeOf(one.socket.closed)).toBe('SocketError: mine');
    expect(await outcomeOf(one.peer.closed)).toMatch(/reset/);
    await until(() => one.stack.statistics.sockets === 0);
    const other = await openEnds();
    const writer = other.socket.writable.getWriter();
    await expect(writer.write('text' as unknown as Uint8Array)).rejects.toThrow(TypeError);
    expect(await outcomeOf(other.socket.closed)).toMatch(/must be a Uint8Array/);
  });

  test('if the readable is cancelled: the rest is thrown away, and the socket goes on until the peer ends', async () => {
    const { socket, peer } = await openEnds();
    await socket.readable.cancel();
    const sending = send(peer.writable, new Uint8Array(5_000_000));
    await send(socket.writable, bytes('still'));
    expect(text(await readUpTo(peer.readable, 5))).toBe('still');
    await sending;
    expect(await isPending(socket.closed)).toBe(true);
    void peer.close();
    await socket.closed;
  });

  test('if the stack is closed', async () => {
    const { stack, socket } = await openEnds();
    const reading = socket.readable.getReader().read();
    reading.catch(() => {});
    await stack.close();
    expect(await outcomeOf(socket.closed)).toMatch(ERROR);
    expect(await outcomeOf(reading)).toMatch(ERROR);
    const late = createConnect(stack).connect('127.0.0.1:80');
    expect(await outcomeOf(late.opened)).toMatch(/^SocketError: .*stack/);
    expect(await outcomeOf(late.closed)).toMatch(ERROR);
  });
});

describe('TLS by a provider', () => {
  /** A server that secures every connection, at once or when it has read a word. */
  async function openTls(word?: string) {
    const stack = await openStack({ hosts: '127.0.0.1 a.test wrong.name' });
    const tls = fakeTls();
    const listener = await stack.listenTcp({ port: 443 });
    void (async () => {
      for await (const connection of listener) {
        if (word !== undefined) {
          expect(text(await readUpTo(connection.readable, word.length))).toBe(word);
          await send(connection.writable, bytes('S'));
        }
        const secured = await tls.accept?.(connection, undefined);
        await secured?.readable.pipeTo(secured.writable);
      }
    })().catch(ignore);
    return { stack, tls, connect: createConnect(stack, { tls }).connect };
  }

  test('secureTransport: on', async () => {
    const { tls, connect } = await openTls();
    const socket = connect('a.test:443', { secureTransport: 'on', alpn: ['proto'] });
    expect((await socket.opened).alpn).toBe('proto');
    expect(tls.names).toEqual(['a.test']);
    await send(socket.writable, bytes('hello'));
    expect(text(await readUpTo(socket.readable, 5))).toBe('hello');
    expect(() => socket.startTls()).toThrow('SocketError: Cannot startTls on a TLS socket.');
    await socket.close();
    const refused = connect('a.test:443', { secureTransport: 'on', sni: 'wrong.name' });
    expect(await outcomeOf(refused.opened)).toMatch(/^SocketError: .*handshake/);
    expect(await outcomeOf(refused.closed)).toMatch(/handshake/);
  });

  test('startTls() while the old streams are locked and a read waits', async () => {
    const { stack, tls, connect } = await openTls('STARTTLS');
    const socket = connect('a.test:443', { secureTransport: 'starttls' });
    const writer = socket.writable.getWriter();
    const reader = socket.readable.getReader();
    void writer.write(bytes('STARTTLS'));
    expect(text((await reader.read()).value as Uint8Array)).toBe('S');
    const waiting = reader.read();
    const secured = socket.startTls({ expectedServerHostname: 'other.name' });
    expect([socket.upgraded, secured.upgraded, secured.secureTransport]).toEqual([
      true,
      false,
      'on',
    ]);
    expect(() => socket.startTls()).toThrow('SocketError: startTls can only be called once.');
    await socket.closed;
    expect((await waiting).done).toBe(true);
    expect(await outcomeOf(writer.closed)).toMatch(ERROR);
    await socket.close();
    await secured.opened;
    expect(tls.names).toEqual(['other.name']);
    await send(secured.writable, bytes('hello'));
    expect(text(await readUpTo(secured.readable, 5))).toBe('hello');
    await secured.close();
    await until(() => stack.statistics.sockets <= 1);
  });

  test('startTls() before the socket is open, and when it does not open', async () => {
    const { connect } = await openTls();
    const secured = connect('a.test:443', { secureTransport: 'starttls' }).startTls();
    await secured.opened;
    await send(secured.writable, bytes('hello'));
    expect(text(await readUpTo(secured.readable, 5))).toBe('hello');
    const socket = connect('a.test:9', { secureTransport: 'starttls' });
    const never = socket.startTls();
    expect(await outcomeOf(never.opened)).toMatch(/refused/);
    expect(await outcomeOf(never.closed)).toMatch(/refused/);
    expect(await outcomeOf(socket.closed)).toMatch(/refused/);
  });

  test('startTls() is refused without starttls, and on a closed socket', async () => {
    const { connect } = await openTls();
    expect(() => connect('a.test:443').startTls()).toThrow(/must be set to 'starttls'/);
    const socket = connect('a.test:443', { secureTransport: 'starttls' });
    await socket.opened;
    await socket.close();
    expect(() => socket.startTls()).toThrow('SocketError: The socket is closed');
  });
});
