// SPDX-License-Identifier: MIT
// dns - the name server of a gateway at its own addresses
//
// It answers as it does for queries to other servers: the policy says which names a guest may look up, and the names
// in answers are noted for that guest.

import type { TcpListener } from '../api/tcp.ts';
import type { StreamConnection } from '../api/transport.ts';
import type { UdpDatagram, UdpSocket } from '../api/udp.ts';
import type { Core } from './core.ts';
import { serveDnsStream } from './dns_stream.ts';
import { reset } from './relay.ts';

/** Queries by datagram that are being answered. */
const MOST = 1024;

/** The name server of one gateway. */
export class OwnDns {
  readonly #core: Core;
  readonly #socket: UdpSocket;
  readonly #listener: TcpListener;
  #pending = 0;

  constructor(core: Core, socket: UdpSocket, listener: TcpListener) {
    this.#core = core;
    this.#socket = socket;
    this.#listener = listener;
  }

  /** Serves guests until socket and listener end. */
  async run(): Promise<void> {
    await Promise.allSettled([this.#serveDatagrams(), this.#serveStreams()]);
  }

  async #serveDatagrams(): Promise<void> {
    const writer = this.#socket.writable.getWriter();
    writer.closed.catch(() => {});
    for await (const datagram of this.#socket) {
      if (this.#pending >= MOST) this.#core.book.statistics.limited++;
      else void this.#answer(writer, datagram);
    }
  }

  async #answer(
    writer: WritableStreamDefaultWriter<UdpDatagram>,
    datagram: UdpDatagram,
  ): Promise<void> {
    const core = this.#core;
    this.#pending++;
    try {
      const { host, port } = datagram;
      const data = await core.answer(datagram.data, core.guest(host, port), 'udp');
      await writer.write({ ...datagram, data });
    } catch {
      // It was no query, or the gateway is closed.
    } finally {
      this.#pending--;
    }
  }

  async #serveStreams(): Promise<void> {
    for await (const connection of this.#listener) void this.#serveStream(connection);
  }

  async #serveStream(connection: StreamConnection): Promise<void> {
    const core = this.#core;
    const source = core.guest(connection.remoteAddress ?? '', connection.remotePort ?? 0);
    const flow = core.book.open('tcp', 'out', source, { address: '', port: 53 });
    if (!flow) {
      reset(connection);
      return;
    }
    flow.end = (reason) => reset(connection, reason);
    try {
      await serveDnsStream(connection, (query) => core.answer(query, source, 'tcp'));
    } catch {
      // The connection failed, or a message of it was no query.
    } finally {
      core.book.close(flow);
    }
  }
}
