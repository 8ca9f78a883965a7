// SPDX-License-Identifier: MIT
// kernel_peer - a program that runs in a namespace and does with Linux's TCP what a test tells it to
//
// Bundled by kernel.ts. Every request has a number and is answered once; connections and listeners are
// numbers. Nothing is read from a connection before the test says so, so that its window closes.

import { createServer, type Server, Socket } from 'node:net';
import { Digest, payload } from './payload.ts';

/** One thing to do. */
export type PeerRequest =
  | { op: 'listen'; host: string; port: number }
  | { op: 'accept'; listener: number }
  | { op: 'connect'; host: string; port: number; localPort?: number }
  | { op: 'send'; conn: number; seed: number; size: number }
  | { op: 'receive'; conn: number; size?: number }
  | { op: 'echo'; host: string }
  | { op: 'many'; host: string; port: number; count: number; size: number }
  | { op: 'destroy'; conn: number }
  | { op: 'end'; conn: number }
  | { op: 'reset'; conn: number }
  | { op: 'ended'; conn: number };

interface Connection {
  readonly socket: Socket;
  /** How it ended. */
  readonly ended: Promise<string>;
}

const connections: Connection[] = [];
const listeners: { server: Server; waiting: Socket[]; wanted: ((socket: Socket) => void)[] }[] = [];

function adopt(socket: Socket): number {
  const ended = new Promise<string>((resolve) => {
    let how = 'closed';
    socket.once('error', (error: NodeJS.ErrnoException) => {
      how = error.code ?? 'error';
    });
    socket.once('close', () => resolve(how));
  });
  return connections.push({ socket, ended }) - 1;
}

function listen(host: string, port: number): Promise<{ listener: number; port: number }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const entry = { server, waiting: [] as Socket[], wanted: [] as ((socket: Socket) => void)[] };
  server.on('connection', (socket) => {
    const wanted = entry.wanted.shift();
    if (wanted) wanted(socket);
    else entry.waiting.push(socket);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 4096 }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address ? address.port : 0;
      resolve({ listener: listeners.push(entry) - 1, port: bound });
    });
  });
}

async function accept(listener: number): Promise<number> {
  const entry = listeners[listener];
  if (!entry) throw new Error('no such listener');
  const socket = entry.waiting.shift() ?? (await new Promise<Socket>((r) => entry.wanted.push(r)));
  return adopt(socket);
}

async function connect(host: string, port: number, localPort?: number): Promise<number> {
  const socket = new Socket({ allowHalfOpen: true });
  socket.pause();
  const number = adopt(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('given up')));
    socket.connect({ host, port, ...(localPort === undefined ? {} : { localPort }) });
  });
  return number;
}

function at(conn: number): Connection {
  const found = connections[conn];
  if (!found) throw new Error('no such connection');
  return found;
}

/** Settles when the kernel has taken every byte. */
async function send({ socket, ended }: Connection, seed: number, size: number): Promise<void> {
  for (const piece of payload(seed, size)) {
    const written = new Promise<void>((resolve, reject) => {
      socket.write(piece, (error) => (error ? reject(error) : resolve()));
    });
    await Promise.race([written, ended]);
    if (socket.destroyed) throw Object.assign(new Error('over'), { code: await ended });
  }
}

/** Reads so many bytes, or to the end. */
async function receive({ socket, ended }: Connection, size = Infinity): Promise<string> {
  const digest = new Digest();
  while (digest.length < size) {
    const chunk: Buffer | null = socket.read() as Buffer | null;
    if (chunk) {
      const take = chunk.subarray(0, size - digest.length);
      digest.update(take);
      if (take.length < chunk.length) socket.unshift(chunk.subarray(take.length));
    } else if (socket.readableEnded) break;
    else if (socket.destroyed) throw Object.assign(new Error('over'), { code: await ended });
    else {
      await new Promise<void>((resolve) => {
        const events = ['readable', 'end', 'close'];
        const go = (): void => {
          for (const event of events) socket.off(event, go);
          resolve();
        };
        for (const event of events) socket.on(event, go);
      });
    }
  }
  return digest.toString();
}

/** A listener that sends everything back. */
function echo(host: string): Promise<{ port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  return new Promise((resolve) => {
    server.listen({ host, port: 0, backlog: 4096 }, () => {
      const address = server.address();
      resolve({ port: typeof address === 'object' && address ? address.port : 0 });
    });
  });
}

/** Opens many connections at once, sends a payload over each, and gives the digests of what comes back. */
function many(host: string, port: number, count: number, size: number): Promise<string[]> {
  const one = async (_: unknown, seed: number): Promise<string> => {
    const conn = at(await connect(host, port));
    void send(conn, seed, size).then(() => conn.socket.end());
    return receive(conn);
  };
  return Promise.all(Array.from({ length: count }, one));
}

async function answer(request: PeerRequest): Promise<unknown> {
  switch (request.op) {
    case 'listen':
      return listen(request.host, request.port);
    case 'accept':
      return accept(request.listener);
    case 'connect':
      return connect(request.host, request.port, request.localPort);
    case 'send':
      return send(at(request.conn), request.seed, request.size);
    case 'receive':
      return receive(at(request.conn), request.size);
    case 'echo':
      return echo(request.host);
    case 'many':
      return many(request.host, request.port, request.count, request.size);
    case 'destroy':
      return void at(request.conn).socket.destroy();
    case 'end':
      return void at(request.conn).socket.end();
    case 'reset':
      return void at(request.conn).socket.resetAndDestroy();
    case 'ended':
      at(request.conn).socket.resume();
      return at(request.conn).ended;
  }
}

process.on('message', ({ id, request }: { id: number; request: PeerRequest }) => {
  answer(request).then(
    (value) => process.send?.({ id, value }),
    (error) => process.send?.({ id, error: error.code ?? error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
