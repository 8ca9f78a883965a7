// SPDX-License-Identifier: MIT
// ntp - serveNtp(): tells hosts the time (RFC 5905, server mode)
//
// Each request is answered by itself: nothing is kept about a client. An answer is as long as the shortest request, so a
// forged sender gains nothing. Requests with authentication are answered without it; their client then knows better.

import type { Datagram, DatagramSocket } from '../api/transport.ts';
import { NTP_PORT, parseNtp, serializeNtp, timeBytes } from '../codec/ntp.ts';
import { checkOptions, type Rules, text, whole } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { TokenBucket } from '../util/token_bucket.ts';
import { networkOf, type ServiceTransport } from './transport.ts';

const SERVE = 'Cannot serve NTP';
const CLIENT = 3;
const SERVER = 4;
/** The clock of this machine, as other servers name theirs: 127.127.1.1. */
const LOCAL_CLOCK = 0x7f7f0101;
/** Date.now() has milliseconds: 2^-10 s. */
const PRECISION = -10;

/** Options of serveNtp(). */
export interface NtpServerOptions {
  /** Address to bind to. @default all */
  readonly host?: string;
  /** Port, 0 to 65535. @default 123 */
  readonly port?: number;
  /** The time, ms since 1970, with its fraction. @default Date.now */
  readonly clock?: () => number;
  /** Steps from a clock, 1 to 15. @default 2 */
  readonly stratum?: number;
  /** Answers a second at the most, 1 to 1000000. @default 10000 */
  readonly maxRate?: number;
}

/** Counters of an NTP server. */
export interface NtpServerStatistics {
  /** Answers. */
  sent: number;
  /** Packets that are malformed, or no question of a client. */
  droppedMalformed: number;
  /** Questions beyond the rate. */
  droppedLimit: number;
  /** Answers that the transport did not take. */
  droppedSend: number;
}

const RULES: Rules<NtpServerOptions> = {
  host: text,
  port: whole(0, 65_535),
  clock: (value) => (typeof value === 'function' ? undefined : 'a function'),
  stratum: whole(1, 15),
  maxRate: whole(1, 1_000_000, ' answers a second'),
};

/**
 * Tells hosts the time. serveNtp() makes one.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { type NtpServer, serveNtp } from 'ringstack/services';
 *
 * const stack = await createStack();
 * const server: NtpServer = await serveNtp(stack);
 * assert.equal(server.statistics.sent, 0);
 * await server.close();
 * await stack.close();
 * ```
 */
export class NtpServer implements AsyncDisposable {
  /** Counters. */
  readonly statistics: Readonly<NtpServerStatistics>;
  /** Settles when it is closed. */
  readonly closed: Promise<void>;
  readonly #counts = { sent: 0, droppedMalformed: 0, droppedLimit: 0, droppedSend: 0 };
  readonly #socket: DatagramSocket;
  readonly #writer: WritableStreamDefaultWriter<Datagram>;
  readonly #clock: () => number;
  readonly #stratum: number;
  readonly #rate: TokenBucket;
  readonly #over = new Deferred();
  #ended: Promise<void> | undefined;

  /**
   * Made by serveNtp().
   *
   * @param socket - The open socket.
   * @param options - As for serveNtp().
   * @throws Never.
   */
  constructor(socket: DatagramSocket, options: NtpServerOptions) {
    const { clock = Date.now, stratum = 2, maxRate = 10_000 } = options;
    this.#socket = socket;
    this.#writer = socket.writable.getWriter();
    this.#clock = clock;
    this.#stratum = stratum;
    this.#rate = new TokenBucket(maxRate, performance.now());
    this.statistics = this.#counts;
    this.closed = this.#over.promise;
    const end = (): void => void this.close();
    this.#listen().then(end, end);
  }

  /**
   * Stops.
   *
   * @throws Never.
   */
  close(): Promise<void> {
    this.#ended ??= (async () => {
      await this.#writer.close().catch(() => {});
      await this.#socket.close().catch(() => {});
      this.#over.resolve();
    })();
    return this.#ended;
  }

  /**
   * Same as close().
   *
   * @throws Never.
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #listen(): Promise<void> {
    for await (const { data, host, port, local, interface: iface } of this.#socket) {
      const received = this.#clock();
      const asked = parseNtp(data);
      if (asked?.mode !== CLIENT) this.#counts.droppedMalformed++;
      else if (!this.#rate.take(performance.now())) this.#counts.droppedLimit++;
      else {
        const answer = serializeNtp({
          leap: 0,
          version: asked.version,
          mode: SERVER,
          stratum: this.#stratum,
          poll: asked.poll,
          precision: PRECISION,
          rootDelay: 0,
          rootDispersion: 0.001,
          referenceId: LOCAL_CLOCK,
          // Set at some time in the last 16 s, as far as a client can tell.
          referenceTime: timeBytes(Math.floor(received / 16_000) * 16_000),
          originTime: asked.transmitTime,
          receiveTime: timeBytes(received),
          transmitTime: timeBytes(this.#clock()),
        });
        const way = { host, port, ...(local && { local }), ...(iface ? { interface: iface } : {}) };
        this.#send({ ...way, data: answer });
      }
    }
  }

  #send(datagram: Datagram): void {
    this.#writer.write(datagram).then(
      () => this.#counts.sent++,
      () => this.#counts.droppedSend++,
    );
  }
}

/**
 * Serves the time over NTP.
 *
 * @param transport - A stack, its `udp`, or any datagram transport.
 * @param options - Address, clock, limits.
 * @returns The server, listening.
 * @throws NetError EINVAL if an option is out of range, EADDRINUSE if the port is taken, or the error of the transport.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { serveNtp } from 'ringstack/services';
 *
 * const stack = await createStack();
 * const server = await serveNtp(stack, { clock: () => 0 }); // 1970
 * const client = await stack.openUdp({ remote: { host: '127.0.0.1', port: 123 } });
 * const question = new Uint8Array(48);
 * question[0] = 0x23; // version 4, from a client
 * await client.send(question);
 * const { data } = await client.receive();
 * assert.deepEqual([...data.subarray(40, 44)], [0x83, 0xaa, 0x7e, 0x80]);
 * await server.close();
 * await stack.close();
 * ```
 */
export async function serveNtp(
  transport: ServiceTransport,
  options: NtpServerOptions = {},
): Promise<NtpServer> {
  checkOptions(SERVE, options, RULES);
  const { host, port = NTP_PORT } = options;
  const { open } = networkOf(SERVE, transport);
  return new NtpServer(await open({ port, ...(host !== undefined && { host }) }), options);
}
