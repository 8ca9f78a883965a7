// SPDX-License-Identifier: MIT
// tftp_transfer - one file on its way to one client, from a port of its own (RFC 1350, 2347 to 2349, 7440)
//
// Theory of operation
//
// | state | what is sent | next |
// |---|---|---|
// | options | those that we take (OACK), until block 0 is acknowledged | window |
// | window | up to `windowsize` blocks | acknowledged up to some block: the window after it |
// | | after the timeout, the same window again, five times | the end |
//
// An acknowledgement of a block that was acknowledged before moves nothing and causes nothing to be sent: two copies of
// one do not double the traffic (the "sorcerer's apprentice"). Before the client has answered once, a packet is sent
// again only twice: its address may be forged, and each byte of a forged request should cost few. Block numbers wrap.

import type { Datagram, DatagramSocket } from '../api/transport.ts';
import { buildTftp, parseTftp, type TftpPacket } from '../codec/tftp.ts';
import { Deferred } from '../util/deferred.ts';
import type { TftpLogEntry, TftpServerStatistics } from './tftp_types.ts';

const RETRIES = 5;
const RETRIES_UNANSWERED = 2;

/** The settings of a transfer. */
export interface TransferPlan {
  readonly file: Uint8Array;
  readonly blockSize: number;
  readonly windowSize: number;
  /** ms. */
  readonly timeout: number;
  /** Options that are confirmed; none: the first block follows at once. */
  readonly options: ReadonlyMap<string, string>;
}

/** Settings out of the options that a client asks for. */
export function planOf(
  file: Uint8Array,
  asked: ReadonlyMap<string, string>,
  limits: { blockSize: number; windowSize: number; timeout: number },
): TransferPlan {
  const options = new Map<string, string>();
  const number = (name: string, least: number, most: number): number | undefined => {
    const text = asked.get(name);
    const value = text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : undefined;
  };
  const blockSize = number('blksize', 8, 65_464);
  if (blockSize) options.set('blksize', String(Math.min(blockSize, limits.blockSize)));
  const windowSize = number('windowsize', 1, 65_535);
  if (windowSize) options.set('windowsize', String(Math.min(windowSize, limits.windowSize)));
  const timeout = number('timeout', 1, 255);
  if (timeout) options.set('timeout', String(timeout));
  if (asked.has('tsize')) options.set('tsize', String(file.length));
  return {
    file,
    blockSize: Number(options.get('blksize') ?? 512),
    windowSize: Number(options.get('windowsize') ?? 1),
    timeout: timeout ? timeout * 1000 : limits.timeout,
    options,
  };
}

/** One transfer. */
export class Transfer {
  readonly #socket: DatagramSocket;
  readonly #writer: WritableStreamDefaultWriter<Datagram>;
  readonly #way: Omit<Datagram, 'data'>;
  readonly #counts: TftpServerStatistics;
  readonly #done = new Deferred<TftpLogEntry['outcome']>();
  #plan: TransferPlan | undefined;
  /** Blocks that were acknowledged; -1: the options were not yet. */
  #acknowledged = 0;
  #tries = 0;
  #isAnswered = false;
  #isOver = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: DatagramSocket, way: Omit<Datagram, 'data'>, counts: TftpServerStatistics) {
    this.#socket = socket;
    this.#writer = socket.writable.getWriter();
    this.#way = way;
    this.#counts = counts;
    const lost = (): void => this.end('aborted');
    this.#listen().then(lost, lost);
  }

  /** Bytes that were acknowledged. */
  get bytes(): number {
    const { file, blockSize } = this.#plan ?? { file: new Uint8Array(), blockSize: 0 };
    return Math.min(file.length, Math.max(0, this.#acknowledged) * blockSize);
  }

  /** The client has had an answer: another request from its port is a new one. */
  get isKnown(): boolean {
    return this.#isAnswered || this.#isOver;
  }

  /** Settles with its end. */
  get done(): Promise<TftpLogEntry['outcome']> {
    return this.#done.promise;
  }

  /** Sends the file. */
  start(plan: TransferPlan): void {
    this.#plan = plan;
    this.#acknowledged = plan.options.size > 0 ? -1 : 0;
    this.#sendWindow();
  }

  /** Refuses the request. */
  refuse(code: number, message: string, outcome: TftpLogEntry['outcome']): void {
    this.#send({ kind: 'error', code, message });
    this.end(outcome);
  }

  /** Ends it. */
  end(outcome: TftpLogEntry['outcome']): void {
    clearTimeout(this.#timer);
    this.#isOver = true;
    this.#done.resolve(outcome);
  }

  /** Closes its socket. */
  async close(): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#socket.close().catch(() => {});
  }

  #send(packet: TftpPacket): void {
    this.#writer.write({ ...this.#way, data: buildTftp(packet) }).catch(() => {});
  }

  /** All blocks of the file: the last one is shorter than the others, perhaps empty. */
  get #blocks(): number {
    const { file, blockSize } = this.#plan as TransferPlan;
    return Math.floor(file.length / blockSize) + 1;
  }

  #sendWindow(): void {
    const { file, blockSize, windowSize, options, timeout } = this.#plan as TransferPlan;
    const first = this.#acknowledged;
    if (first < 0) this.#send({ kind: 'options', options });
    else {
      const last = Math.min(first + windowSize, this.#blocks);
      for (let i = first; i < last; i++) {
        const data = file.subarray(i * blockSize, (i + 1) * blockSize);
        this.#send({ kind: 'data', block: (i + 1) & 0xffff, data });
      }
      if (this.#tries > 0) this.#counts.retransmitted += last - first;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#again(), timeout * 2 ** Math.min(this.#tries, 3));
  }

  #again(): void {
    if (this.#tries++ >= (this.#isAnswered ? RETRIES : RETRIES_UNANSWERED)) this.end('timeout');
    else this.#sendWindow();
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#way;
    for await (const datagram of this.#socket) {
      if (datagram.host !== host || datagram.port !== port) this.#counts.droppedForeign++;
      else this.#take(parseTftp(datagram.data));
    }
  }

  #take(packet: TftpPacket | undefined): void {
    if (packet?.kind === 'error') this.end('aborted');
    else if (packet?.kind !== 'ack' || !this.#plan) this.#counts.droppedMalformed++;
    else {
      this.#isAnswered = true;
      const { windowSize } = this.#plan;
      const from = this.#acknowledged;
      // How many blocks of the window it acknowledges; block 0 stands for the options.
      const moved = (packet.block - from) & 0xffff;
      const most = from < 0 ? 1 : Math.min(windowSize, this.#blocks - from);
      if (moved === 0 || moved > most) return;
      this.#acknowledged = from + moved;
      this.#tries = 0;
      if (this.#acknowledged === this.#blocks) this.end('done');
      else this.#sendWindow();
    }
  }
}

/** Text with the line ends of netascii (RFC 764). */
export function toNetascii(file: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (const byte of file) {
    if (byte === 10) out.push(13, 10);
    else if (byte === 13) out.push(13, 0);
    else out.push(byte);
  }
  return Uint8Array.from(out);
}
