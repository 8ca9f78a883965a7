// SPDX-License-Identifier: MIT
// exchange - one query to one name server, over UDP, TCP, HTTPS or a function
//
// A datagram counts as the answer only if it comes from the address and port that were asked, and its
// number and question are those of the query. The number is random, and every query has a socket of its
// own, whose port the transport draws: with ours, both from the runtime's CSPRNG. Anything else that comes
// is dropped and counted, and the wait goes on.

import type { Datagram, DatagramSocket } from '../api/transport.ts';
import { parseDnsMessage, serializeDnsMessage } from '../codec/dns.ts';
import { DnsFrames, frameDns } from '../codec/dns_stream.ts';
import type { DnsMessage, DnsQuestion } from '../codec/dns_types.ts';
import { NetError } from '../errors.ts';
import { untilAborted } from '../util/abort.ts';
import { formatIp, parseIp } from '../util/address.ts';
import { handled } from '../util/deferred.ts';
import { lowerAscii } from '../util/host_name.ts';
import type { Network } from './network.ts';

/** A name server. */
export interface NameServer {
  /** Its IPv4 or IPv6 address. */
  readonly ip: string;
  /** Its port. @default 53 */
  readonly port?: number;
}

/** A name server that is asked by DNS over HTTPS (RFC 8484). */
export interface DohServer {
  /** Its URL, such as `https://dns.example/dns-query`. */
  readonly doh: string;
  /** Sends the requests. @default the runtime's fetch */
  readonly fetch?: typeof fetch;
}

/** A name server that is a function: takes a query and returns the response, both as bytes. */
export type DnsFunction = (
  message: Uint8Array,
  options: { readonly signal: AbortSignal },
) => Uint8Array | Promise<Uint8Array>;

/** A server to ask: by UDP and TCP, by HTTPS, or by a function. */
export type Forwarder = NameServer | DohServer | DnsFunction;

/** A response, and its length in bytes. */
export interface Reply {
  readonly message: DnsMessage;
  readonly bytes: number;
}

/** Counters of a client: queries sent, and responses dropped by reason. */
export interface DnsClientStatistics {
  /** Queries sent, repeated ones included. */
  queries: number;
  /** Queries over TCP, because an answer was truncated. */
  streams: number;
  /** Questions that the cache had the answer to. */
  cached: number;
  /** Tries that ended without an answer in time. */
  timeouts: number;
  /** Datagrams from elsewhere than the server that was asked. */
  droppedSource: number;
  /** Messages with another number or question than the query's. */
  droppedQuestion: number;
  /** Messages that could not be parsed. */
  droppedMalformed: number;
}

/** Statistics that begin. */
export function noStatistics(): DnsClientStatistics {
  return {
    queries: 0,
    streams: 0,
    cached: 0,
    timeouts: 0,
    droppedSource: 0,
    droppedQuestion: 0,
    droppedMalformed: 0,
  };
}

const LONGEST = 0xffff;

/** An address in its one form, without zone; undefined if it is none. */
function plainAddress(host: string): string | undefined {
  try {
    const { family, bytes } = parseIp(host, { zone: true });
    return formatIp({ family, bytes });
  } catch {
    return undefined;
  }
}

/** Whether a datagram came from where the query went. */
function isFrom({ host, port }: Datagram, server: Required<NameServer>): boolean {
  if (port !== server.port) return false;
  return host === server.ip || (plainAddress(host) ?? host) === plainAddress(server.ip);
}

const sameQuestion = (a: DnsQuestion, b: DnsQuestion | undefined): boolean =>
  b !== undefined &&
  a.type === b.type &&
  (a.class ?? 'IN') === (b.class ?? 'IN') &&
  lowerAscii(a.name) === lowerAscii(b.name);

/** Whether a message is the response to a query. One that only says what is wrong may lack the question. */
function isReply(query: Partial<DnsMessage>, message: DnsMessage): boolean {
  if (!message.isResponse || message.id !== query.id) return false;
  const [asked] = query.questions ?? [];
  if (message.questions.length === 0) return asked === undefined || message.rcode !== 'NOERROR';
  return (
    asked !== undefined &&
    message.questions.length === 1 &&
    sameQuestion(asked, message.questions[0])
  );
}

const randomId = (): number => crypto.getRandomValues(new Uint16Array(1))[0] as number;

/** Parses what came; undefined, and counted, if it is not the reply to the query. */
function accept(
  query: Partial<DnsMessage>,
  bytes: Uint8Array,
  statistics: DnsClientStatistics,
): Reply | undefined {
  let message: DnsMessage;
  try {
    message = parseDnsMessage(bytes);
  } catch {
    statistics.droppedMalformed++;
    return undefined;
  }
  if (isReply(query, message)) return { message, bytes: bytes.length };
  statistics.droppedQuestion++;
  return undefined;
}

/** Reads datagrams until one is the reply. */
async function receive(
  socket: DatagramSocket,
  server: Required<NameServer>,
  query: Partial<DnsMessage>,
  statistics: DnsClientStatistics,
): Promise<Reply> {
  for await (const datagram of socket) {
    if (!isFrom(datagram, server)) statistics.droppedSource++;
    else {
      const reply = accept(query, datagram.data, statistics);
      if (reply) return reply;
    }
  }
  throw new NetError('ESHUTDOWN', `Cannot ask ${server.ip}`, { reason: 'the socket was closed' });
}

/** One question to one server, over one transport. Each of its ways ends when the signal is aborted. */
export class Exchange {
  readonly #network: Network;
  readonly statistics: DnsClientStatistics;

  constructor(network: Network, statistics: DnsClientStatistics) {
    this.#network = network;
    this.statistics = statistics;
  }

  /** Whether there is a way for what does not fit into a datagram. */
  get hasStreams(): boolean {
    return this.#network.tcp !== undefined;
  }

  /** Asks by a datagram. */
  async datagram(
    server: Required<NameServer>,
    message: Partial<DnsMessage>,
    signal: AbortSignal,
  ): Promise<Reply> {
    const query = { ...message, id: randomId() };
    const data = serializeDnsMessage(query);
    const close = (socket: DatagramSocket): void => void handled(socket.close());
    const socket = await untilAborted(this.#network.open(), signal, close);
    const writer = socket.writable.getWriter();
    try {
      const receiving = handled(receive(socket, server, query, this.statistics));
      this.statistics.queries++;
      await untilAborted(writer.write({ host: server.ip, port: server.port, data }), signal);
      return await untilAborted(receiving, signal);
    } finally {
      writer.releaseLock();
      close(socket);
    }
  }

  /** Asks by a stream. */
  async stream(
    server: Required<NameServer>,
    message: Partial<DnsMessage>,
    signal: AbortSignal,
  ): Promise<Reply> {
    const { tcp } = this.#network;
    if (!tcp)
      throw new NetError('ENOTSUP', `Cannot ask ${server.ip} over TCP`, {
        reason: 'there is no TCP',
      });
    const query = { ...message, id: randomId() };
    const data = frameDns(serializeDnsMessage(query));
    type Connection = Awaited<ReturnType<typeof tcp.connect>>;
    const end = (connection: Connection): void => {
      if (connection.abort) connection.abort();
      else void handled(connection.close());
    };
    const { ip: host, port } = server;
    const connection = await untilAborted(tcp.connect({ host, port }), signal, end);
    const writer = connection.writable.getWriter();
    try {
      this.statistics.queries++;
      this.statistics.streams++;
      await untilAborted(writer.write(data), signal);
      const receiving = this.#receiveStream(connection, server, query);
      return await untilAborted(receiving, signal);
    } finally {
      writer.releaseLock();
      end(connection);
    }
  }

  async #receiveStream(
    connection: AsyncIterable<Uint8Array>,
    server: Required<NameServer>,
    query: Partial<DnsMessage>,
  ): Promise<Reply> {
    const frames = new DnsFrames();
    for await (const chunk of connection) {
      frames.push(chunk);
      for (let bytes = frames.next(); bytes; bytes = frames.next()) {
        const reply = accept(query, bytes, this.statistics);
        if (reply) return reply;
      }
    }
    const reason = 'it closed the connection without an answer';
    throw new NetError('ECONNRESET', `Cannot ask ${server.ip}`, { reason });
  }

  /** Asks a function. */
  async call(ask: DnsFunction, message: Partial<DnsMessage>, signal: AbortSignal): Promise<Reply> {
    // 0 lets caches of HTTP recognize equal queries (RFC 8484, section 4.1); nobody can come between.
    const query = { ...message, id: 0 };
    this.statistics.queries++;
    const data = serializeDnsMessage(query);
    const bytes = await untilAborted(Promise.resolve(ask(data, { signal })), signal);
    const reply = bytes instanceof Uint8Array && accept(query, bytes, this.statistics);
    if (reply) return reply;
    const reason = 'what it returned is no response to the query';
    throw new NetError('EPROTO', 'Cannot use the answer of a function', { reason });
  }

  /** Asks by HTTPS. */
  https(server: DohServer, message: Partial<DnsMessage>, signal: AbortSignal): Promise<Reply> {
    return this.call((query) => post(server, query, signal), message, signal);
  }
}

/** Sends a query as the body of a request, and reads the body of the response, up to the longest message. */
async function post(
  server: DohServer,
  query: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const ask = server.fetch ?? fetch;
  const type = 'application/dns-message';
  const response = await ask(server.doh, {
    method: 'POST',
    headers: { accept: type, 'content-type': type },
    body: query as Uint8Array<ArrayBuffer>,
    credentials: 'omit',
    cache: 'no-store',
    redirect: 'error',
    signal,
  });
  const refuse = (reason: string): NetError =>
    new NetError('ESERVFAIL', `Cannot ask ${server.doh}`, { reason });
  if (!response.ok) throw refuse(`HTTP status ${response.status}`);
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const part = (await reader?.read())?.value;
    if (!part) break;
    length += part.length;
    if (length > LONGEST) {
      await reader?.cancel();
      throw refuse(`the answer is longer than ${LONGEST} bytes`);
    }
    parts.push(part);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
