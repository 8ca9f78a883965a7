// SPDX-License-Identifier: MIT
// deno - a socket of Deno.listenDatagram() as a transport

import type { WireGuardEndpoint, WireGuardSink, WireGuardTransport } from '../types.ts';

/** Datagrams that are being sent at the most. */
const MOST_PENDING = 256;

/** As much of a DatagramConn of Deno as is used. */
export interface DenoDatagramConnLike {
  /** The address it listens on. */
  readonly addr: { readonly port?: number };
  /** See Deno.DatagramConn. */
  receive(): Promise<[Uint8Array, unknown]>;
  /** See Deno.DatagramConn. */
  send(data: Uint8Array, to: unknown): Promise<number>;
}

/** A DatagramConn of Deno. */
export class DenoTransport implements WireGuardTransport {
  readonly #conn: DenoDatagramConnLike;
  #isOver = false;
  #pending = 0;

  constructor(conn: DenoDatagramConnLike) {
    this.#conn = conn;
  }

  get localPort(): number | undefined {
    return this.#conn.addr.port;
  }

  start(sink: WireGuardSink): void {
    void this.#read(sink).catch((error: unknown) => this.#isOver || sink.ended(error));
  }

  async #read(sink: WireGuardSink): Promise<void> {
    while (!this.#isOver) {
      const [data, from] = await this.#conn.receive();
      const { hostname, port } = from as { hostname: string; port: number };
      if (!this.#isOver) sink.receive(data, hostname, port);
    }
  }

  send(data: Uint8Array, to: WireGuardEndpoint | undefined): boolean {
    if (!to || this.#pending >= MOST_PENDING) return false;
    const over = (): void => void this.#pending--;
    this.#pending++;
    const address = { transport: 'udp', hostname: to.host, port: to.port };
    this.#conn.send(data.slice(), address).then(over, over);
    return true;
  }

  room(): undefined {
    return undefined;
  }

  stop(): void {
    this.#isOver = true;
  }
}
