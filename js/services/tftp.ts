// SPDX-License-Identifier: MIT
// tftp - serveTftp(): files for hosts that boot from the network; they can be read, not written
//
// A request comes to port 69; its transfer (js/services/tftp_transfer.ts) has a port of its own. A request that is
// repeated before its transfer is answered changes nothing. Another one from the same port, or a later one, is a new
// request, and ends the transfer that it follows. Transfers are limited in all and per host, requests per second.

import type { Datagram, DatagramSocket } from '../api/transport.ts';
import { parseTftp, TFTP_ERROR, TFTP_PORT } from '../codec/tftp.ts';
import { checkOptions, type Rules, text, whole } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { sameBytes } from '../util/same_bytes.ts';
import { TokenBucket } from '../util/token_bucket.ts';
import { planOf, Transfer, toNetascii } from './tftp_transfer.ts';
import type {
  TftpLogEntry,
  TftpRequest,
  TftpServerOptions,
  TftpServerStatistics,
} from './tftp_types.ts';
import { networkOf, type ServiceNetwork, type ServiceTransport } from './transport.ts';

const SERVE = 'Cannot serve TFTP';

const RULES: Rules<TftpServerOptions> = {
  files: (value) =>
    typeof value === 'function' || (typeof value === 'object' && value !== null)
      ? undefined
      : 'files by name, or a function',
  host: text,
  port: whole(0, 65_535),
  maxBlockSize: whole(512, 65_464, ' bytes'),
  maxWindowSize: whole(1, 256, ' blocks'),
  maxTransfers: whole(1, 10_000),
  maxPerClient: whole(1, 10_000),
  maxRate: whole(1, 100_000, ' requests a second'),
  timeout: whole(10, 255_000, ' ms'),
  log: (value) => (typeof value === 'function' ? undefined : 'a function'),
};

/** A name that is relative to the files and stays below them; undefined: it does not. */
function cleanName(file: string): string | undefined {
  const parts = file
    .replaceAll('\\', '/')
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
  if (parts.includes('..') || /[\x00-\x1f]/.test(file) || parts.length === 0) return undefined;
  return parts.join('/');
}

const encoder = new TextEncoder();

/** Time for a last acknowledgement that is overtaken by the next request, ms. */
const OVERTAKEN_MS = 50;

/** A transfer, by address and port of its client. */
interface Running {
  /** The datagram that asked for it. */
  readonly request: Uint8Array;
  transfer: Transfer | undefined;
  over: Promise<void>;
}

/** Whether a request is the one that a transfer has not answered yet, once more. */
function isRepeat(running: Running | undefined, data: Uint8Array): boolean {
  return running !== undefined && !running.transfer?.isKnown && sameBytes(running.request, data);
}

/**
 * Serves files. serveTftp() makes one.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { serveTftp, type TftpServer } from 'ringstack/services';
 *
 * const stack = await createStack();
 * const server: TftpServer = await serveTftp(stack, { files: { 'boot.ipxe': '#!ipxe\nshell\n' } });
 * assert.equal(server.statistics.requests, 0);
 * await server.close();
 * await stack.close();
 * ```
 */
export class TftpServer implements AsyncDisposable {
  /** Counters. */
  readonly statistics: Readonly<TftpServerStatistics>;
  /** Settles when it is closed. */
  readonly closed: Promise<void>;
  readonly #counts: TftpServerStatistics = {
    requests: 0,
    active: 0,
    completed: 0,
    failed: 0,
    retransmitted: 0,
    droppedMalformed: 0,
    droppedLimit: 0,
    droppedForeign: 0,
  };
  readonly #socket: DatagramSocket;
  readonly #network: ServiceNetwork;
  readonly #options: TftpServerOptions;
  readonly #rate: TokenBucket;
  readonly #running = new Map<string, Running>();
  readonly #perHost = new Map<string, number>();
  readonly #transfers = new Set<Transfer>();
  readonly #over = new Deferred();
  #ended: Promise<void> | undefined;

  /**
   * Made by serveTftp().
   *
   * @param socket - The open socket of requests.
   * @param network - Opens sockets of transfers.
   * @param options - As for serveTftp().
   * @throws Never.
   */
  constructor(socket: DatagramSocket, network: ServiceNetwork, options: TftpServerOptions) {
    this.#socket = socket;
    this.#network = network;
    this.#options = options;
    this.#rate = new TokenBucket(options.maxRate ?? 100, performance.now());
    this.statistics = this.#counts;
    this.closed = this.#over.promise;
    const end = (): void => void this.close();
    this.#listen().then(end, end);
  }

  /**
   * Ends all transfers, and stops.
   *
   * @throws Never.
   */
  close(): Promise<void> {
    this.#ended ??= (async () => {
      for (const transfer of this.#transfers) transfer.end('aborted');
      await this.#socket.close().catch(() => {});
      await Promise.all([...this.#running.values()].map(({ over }) => over));
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
    const { maxTransfers = 64, maxPerClient = 8 } = this.#options;
    for await (const datagram of this.#socket) {
      const { data, host, port } = datagram;
      const packet = parseTftp(data);
      const key = `${host} ${port}`;
      if (packet?.kind !== 'read' && packet?.kind !== 'write') this.#counts.droppedMalformed++;
      else if (isRepeat(this.#running.get(key), data)) continue;
      else if (
        this.#running.size >= maxTransfers ||
        (this.#perHost.get(host) ?? 0) >= maxPerClient ||
        !this.#rate.take(performance.now())
      ) {
        this.#counts.droppedLimit++;
      } else if (!this.#ended) {
        this.#counts.requests++;
        this.#perHost.set(host, (this.#perHost.get(host) ?? 0) + 1);
        const before = this.#running.get(key);
        const running: Running = { request: data, transfer: undefined, over: Promise.resolve() };
        this.#running.set(key, running);
        running.over = this.#transfer(datagram, packet, running, before).finally(() => {
          if (this.#running.get(key) === running) this.#running.delete(key);
          const left = (this.#perHost.get(host) as number) - 1;
          if (left > 0) this.#perHost.set(host, left);
          else this.#perHost.delete(host);
        });
      }
    }
  }

  async #transfer(
    { host, port, interface: iface, local }: Datagram,
    packet: { kind: string; file: string; mode: string; options: ReadonlyMap<string, string> },
    running: Running,
    before: Running | undefined,
  ): Promise<void> {
    if (before) {
      const timer = setTimeout(() => before.transfer?.end('aborted'), OVERTAKEN_MS);
      await before.over;
      clearTimeout(timer);
    }
    let socket: DatagramSocket;
    try {
      socket = await this.#network.open({});
    } catch {
      this.#end({ file: packet.file, host, bytes: 0, outcome: 'failed' });
      return;
    }
    this.#counts.active++;
    // The answer comes from the address that was asked; a broadcast is none.
    const isOwn = local && !/^(?:255\.|.*\.255$|ff)/i.test(local.address);
    const way = { host, port, ...(isOwn && { local }), ...(iface ? { interface: iface } : {}) };
    const transfer = new Transfer(socket, way, this.#counts);
    running.transfer = transfer;
    this.#transfers.add(transfer);
    const given = new AbortController();
    void transfer.done.then(() => given.abort());
    // close() may have passed while the socket was opened.
    if (this.#ended) transfer.end('aborted');
    else void this.#begin(transfer, packet, { host, port }, given.signal);
    const outcome = await transfer.done;
    this.#transfers.delete(transfer);
    const { bytes } = transfer;
    await transfer.close();
    this.#counts.active--;
    this.#end({ file: packet.file, host, bytes, outcome });
  }

  #end(entry: TftpLogEntry): void {
    if (entry.outcome === 'done') this.#counts.completed++;
    else this.#counts.failed++;
    try {
      this.#options.log?.(entry);
    } catch {
      // An error of the program's log is not ours.
    }
  }

  async #begin(
    transfer: Transfer,
    packet: { kind: string; file: string; mode: string; options: ReadonlyMap<string, string> },
    remote: TftpRequest['remote'],
    signal: AbortSignal,
  ): Promise<void> {
    const { maxBlockSize = 1448, maxWindowSize = 16, timeout = 1000 } = this.#options;
    if (packet.kind === 'write') {
      transfer.refuse(TFTP_ERROR.access, 'files can only be read', 'refused');
      return;
    }
    const isText = packet.mode === 'netascii';
    const file = cleanName(packet.file);
    if (file === undefined || (!isText && packet.mode !== 'octet')) {
      transfer.refuse(TFTP_ERROR.illegal, 'no name or mode that is served', 'refused');
      return;
    }
    try {
      const found = await this.#find({ file, remote, signal });
      if (found === undefined) {
        transfer.refuse(TFTP_ERROR.notFound, 'there is no such file', 'missing');
        return;
      }
      const bytes = typeof found === 'string' ? encoder.encode(found) : found;
      const limits = { blockSize: maxBlockSize, windowSize: maxWindowSize, timeout };
      transfer.start(planOf(isText ? toNetascii(bytes) : bytes, packet.options, limits));
    } catch {
      transfer.refuse(TFTP_ERROR.undefined, 'the file cannot be read', 'failed');
    }
  }

  #find(
    request: TftpRequest,
  ): Uint8Array | string | undefined | Promise<Uint8Array | string | undefined> {
    const { files } = this.#options;
    if (typeof files === 'function') return files(request);
    if (files instanceof Map) return files.get(request.file);
    const named = files as Readonly<Record<string, Uint8Array | string>>;
    return Object.hasOwn(named, request.file) ? named[request.file] : undefined;
  }
}

/**
 * Serves files over TFTP, read-only, with the options blksize, tsize, timeout and windowsize.
 *
 * @param transport - A stack, its `udp`, or any datagram transport.
 * @param options - The files, and limits.
 * @returns The server, listening.
 * @throws NetError EINVAL if an option is out of range, EADDRINUSE if the port is taken, or the error of the transport.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { serveTftp } from 'ringstack/services';
 *
 * const stack = await createStack();
 * const server = await serveTftp(stack, { files: ({ file }) => `this is ${file}` });
 * const client = await stack.openUdp();
 * const request = new TextEncoder().encode('\0\x01boot.txt\0octet\0');
 * await client.send(request, { host: '127.0.0.1', port: 69 });
 * const { data, port } = await client.receive(); // block 1, from the port of the transfer
 * assert.equal(new TextDecoder().decode(data.subarray(4)), 'this is boot.txt');
 * await client.send(Uint8Array.of(0, 4, 0, 1), { host: '127.0.0.1', port });
 * await server.close();
 * await stack.close();
 * ```
 */
export async function serveTftp(
  transport: ServiceTransport,
  options: TftpServerOptions,
): Promise<TftpServer> {
  checkOptions(SERVE, options, RULES, ['files']);
  const { host, port = TFTP_PORT } = options;
  const network = networkOf(SERVE, transport);
  const socket = await network.open({ port, ...(host !== undefined && { host }) });
  return new TftpServer(socket, network, options);
}
