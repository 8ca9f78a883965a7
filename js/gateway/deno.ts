// SPDX-License-Identifier: MIT
// deno - the sockets of Deno as a transport: a way out, and listeners for forwarded ports

import type { DatagramSocket, StreamListener } from '../api/transport.ts';
import { NetError } from '../errors.ts';
import { checkOptions, flag, type Rules } from '../util/check.ts';
import { netErrorOf } from '../util/system_error.ts';
import { type BoundOptions, missing, nameOf, openAction, openFamilies } from './datagrams.ts';
import { type NativeCalls, NativeConnection, NativeListener } from './native.ts';
import type { NativeOptions, NativeTransport, OutboundOptions } from './types.ts';

/** Bytes of a buffer for reading: the largest datagram fits. */
const BUFFER = 65_536;

interface DenoAddress {
  readonly hostname: string;
  readonly port: number;
}

/** As much of Deno.TcpConn as is used. */
interface DenoConn {
  readonly remoteAddr: DenoAddress;
  readonly localAddr: DenoAddress;
  read(into: Uint8Array): Promise<number | null>;
  write(data: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  setNoDelay(noDelay: boolean): void;
}

/** As much of Deno as is used. */
interface DenoNet {
  connect(options: DenoAddress & { signal?: AbortSignal }): Promise<DenoConn>;
  listen(options: DenoAddress): {
    readonly addr: DenoAddress;
    accept(): Promise<DenoConn>;
    close(): void;
  };
  listenDatagram?(options: DenoAddress & { transport: 'udp' }): {
    readonly addr: DenoAddress;
    receive(into: Uint8Array): Promise<[Uint8Array, DenoAddress]>;
    send(data: Uint8Array, to: DenoAddress & { transport: 'udp' }): Promise<number>;
    close(): void;
  };
}

const OPTIONS: Rules<NativeOptions> = { noDelay: flag };

function denoNet(action: string): DenoNet {
  const { Deno } = globalThis as { Deno?: DenoNet };
  if (!Deno) throw missing(action);
  return Deno;
}

/** Reads chunks that hold no more memory than their bytes. */
function readerOf(conn: DenoConn): () => Promise<Uint8Array | undefined> {
  let buffer = new Uint8Array(BUFFER);
  return async () => {
    const bytes = await conn.read(buffer);
    if (bytes === null) return undefined;
    if (bytes < BUFFER / 2) return buffer.slice(0, bytes);
    const chunk = buffer.subarray(0, bytes);
    buffer = new Uint8Array(BUFFER);
    return chunk;
  };
}

function connectionOf(conn: DenoConn, action: string, noDelay: boolean): NativeConnection {
  conn.setNoDelay(noDelay);
  const calls: NativeCalls = {
    read: readerOf(conn),
    async write(chunk) {
      for (let at = 0; at < chunk.length; ) at += await conn.write(chunk.subarray(at));
    },
    end: () => conn.closeWrite(),
    free() {
      try {
        conn.close();
      } catch {
        // It is closed.
      }
    },
    errorOf: (error) => netErrorOf(error, action),
  };
  const { remoteAddr, localAddr } = conn;
  return new NativeConnection(calls, {
    ...{ remoteAddress: remoteAddr.hostname, remotePort: remoteAddr.port },
    ...{ localAddress: localAddr.hostname, localPort: localAddr.port },
  });
}

async function connectDeno(
  { host, port, signal }: OutboundOptions,
  noDelay: boolean,
): Promise<NativeConnection> {
  const action = `Cannot connect to ${nameOf(host, port)}`;
  const net = denoNet(action);
  signal?.throwIfAborted();
  try {
    const options = { hostname: host, port, ...(signal && { signal }) };
    return connectionOf(await net.connect(options), action, noDelay);
  } catch (error) {
    throw signal?.aborted ? signal.reason : netErrorOf(error, action);
  }
}

async function listenDeno(
  { host = '::', port }: { host?: string; port: number },
  noDelay: boolean,
): Promise<StreamListener> {
  const action = `Cannot listen on ${nameOf(host, port)}`;
  const net = denoNet(action);
  let server: ReturnType<DenoNet['listen']>;
  try {
    server = net.listen({ hostname: host, port });
  } catch (error) {
    throw netErrorOf(error, action);
  }
  const listener = new NativeListener(server.addr.port, () => {
    server.close();
    // Until the call that accepts has ended, the system still takes connections.
    return accepting;
  });
  const accept = async (): Promise<void> => {
    for (;;) {
      const conn = await server.accept();
      const { hostname, port: from } = conn.remoteAddr;
      const name = `Cannot use the connection of ${nameOf(hostname, from)}`;
      listener.push(connectionOf(conn, name, noDelay));
    }
  };
  const accepting: Promise<void> = accept().catch((error) =>
    listener.end(netErrorOf(error, 'Cannot accept')),
  );
  return listener;
}

async function openDeno(options: BoundOptions): Promise<DatagramSocket> {
  const action = openAction(options);
  const net = denoNet(action);
  if (!net.listenDatagram) {
    const reason = 'Deno has datagrams with --unstable-net only; node() has them without';
    throw new NetError('ENOTSUP', action, { reason });
  }
  return openFamilies(options, undefined, async (_family, hostname, port, received) => {
    let socket: ReturnType<NonNullable<DenoNet['listenDatagram']>>;
    try {
      socket = (net as Required<DenoNet>).listenDatagram({ hostname, port, transport: 'udp' });
    } catch (error) {
      throw netErrorOf(error, action);
    }
    let isClosed = false;
    const receive = async (): Promise<void> => {
      const buffer = new Uint8Array(BUFFER);
      while (!isClosed) {
        // An ICMP error about an earlier one fails a read.
        const got = await socket.receive(buffer).catch(() => undefined);
        if (got) received({ host: got[1].hostname, port: got[1].port, data: got[0].slice() });
      }
    };
    void receive();
    return {
      port: socket.addr.port,
      send: (data, host, to) => socket.send(data, { transport: 'udp', hostname: host, port: to }),
      close() {
        isClosed = true;
        socket.close();
      },
    };
  });
}

/**
 * The sockets of Deno. node() works there too; it has resets and datagrams without --unstable-net, which Deno's own sockets
 * have not. A connection that is aborted is closed: the other side sees a reset if bytes of it were not read, an end if not.
 *
 * @param options - Settings.
 * @returns A transport that connects, listens and sends datagrams; its calls fail with ENOTSUP in other runtimes.
 * @throws NetError EINVAL for a bad option.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { deno } from 'ringstack/gateway';
 *
 * if ('Deno' in globalThis) {
 *   const listener = await deno().listen({ host: '127.0.0.1', port: 0 });
 *   const port = listener.port as number;
 *   const connection = await deno().connect({ host: '127.0.0.1', port });
 *   assert.equal(connection.remotePort, port);
 *   connection.abort?.();
 *   await listener.close?.();
 * } else {
 *   await assert.rejects(deno().connect({ host: '127.0.0.1', port: 1 }), { code: 'ENOTSUP' });
 * }
 * ```
 */
export function deno(options: NativeOptions = {}): NativeTransport {
  checkOptions('Cannot use the sockets of Deno', options, OPTIONS);
  const { noDelay = true } = options;
  return {
    connect: (given) => connectDeno(given, noDelay),
    listen: (given) => listenDeno(given, noDelay),
    open: (given = {}) => openDeno(given),
  };
}
