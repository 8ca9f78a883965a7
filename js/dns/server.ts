// SPDX-License-Identifier: MIT
// server - answers DNS queries over UDP and TCP
//
// Every query that is one gets an answer: FORMERR, NOTIMP, BADVERS and REFUSED say what is wrong with it,
// SERVFAIL that something here failed or took too long. A message that is no query, a response above all, gets
// none: two servers would talk without end. An answer by datagram is no longer than the client says that it takes,
// 512 bytes without EDNS, and 1232 at the most, so that it is never a fragment; one that is longer says that
// it is truncated, and the client comes by TCP.

import type { Datagram, DatagramSocket, StreamListener } from '../api/transport.ts';
import {
  DNS_EDNS_UDP,
  DNS_HEADER,
  DNS_UDP,
  parseDnsMessage,
  serializeDnsMessage,
} from '../codec/dns.ts';
import { type DnsRcode, OPCODE_NAMES } from '../codec/dns_numbers.ts';
import type { DnsMessage, DnsQuestion } from '../codec/dns_types.ts';
import { NetError } from '../errors.ts';
import { AbortGroup, untilAborted, withDeadline } from '../util/abort.ts';
import { checkPort } from '../util/address.ts';
import { checkOptions, checkValue, INT32_MAX, type Rules, whole } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { lowerAscii, normalizeName } from '../util/host_name.ts';
import { Hosts, isHosts } from '../util/hosts.ts';
import {
  type Answer,
  answerAtOnce,
  answerQuestion,
  type DnsClientAddress,
  type Sources,
} from './answer.ts';
import { Asker } from './asker.ts';
import type { Forwarder } from './exchange.ts';
import { type DnsTransport, type Network, networkOf } from './network.ts';
import {
  type DnsServerLimits,
  type DnsServerOptions,
  type DnsServerStatistics,
  LIMITS,
  Shares,
} from './server_options.ts';
import { StreamServer } from './server_stream.ts';

const SERVE = 'Cannot serve DNS';
const LIMIT_RULES = Object.fromEntries(
  Object.keys(LIMITS).map((name) => [name, whole(1, 1_000_000)]),
) as Rules<DnsServerLimits>;
const EMPTY = { answers: [], authorities: [], additionals: [] } as const;
/** Types that ask for something else than records. */
const META = new Set(['OPT', 'TSIG', 'TKEY']);
const TRANSFERS = new Set(['AXFR', 'IXFR']);

/** The result of a query that needs no look-up; undefined if it has to be looked up. */
function plainResult({ opcode, questions, edns }: DnsMessage): DnsRcode | undefined {
  if (opcode !== 'QUERY') return 'NOTIMP';
  if (edns && edns.version !== 0) return 'BADVERS';
  const [question] = questions;
  if (questions.length !== 1 || question === undefined || META.has(question.type)) return 'FORMERR';
  if (question.class !== 'IN' && question.class !== 'ANY') return 'REFUSED';
  return TRANSFERS.has(question.type) ? 'REFUSED' : undefined;
}

/** An answer to what could not be parsed, made of its first bytes; undefined if it is no query. */
function formatError(bytes: Uint8Array): Partial<DnsMessage> | undefined {
  if (bytes.length < DNS_HEADER || ((bytes[2] as number) & 0x80) !== 0) return undefined;
  const id = ((bytes[0] as number) << 8) | (bytes[1] as number);
  const opcode = OPCODE_NAMES.name(((bytes[2] as number) >> 3) & 15);
  return { id, opcode, isResponse: true, rcode: 'FORMERR' };
}

function sourcesOf(options: DnsServerOptions, network: Network): Sources {
  const { hosts, zones = [], forward, cache, request, rebind = 'deny' } = options;
  const servers = forward === undefined ? [] : ([forward].flat() as Forwarder[]);
  const asking = { attempts: 2, ...(cache !== undefined && { cache }) };
  const byLength = [...zones].sort((a, b) => b.origin.length - a.origin.length);
  return {
    hosts: hosts === undefined || isHosts(hosts) ? hosts : new Hosts(hosts),
    zones: byLength,
    request,
    forward: servers.length > 0 ? new Asker(network, servers, asking) : undefined,
    rebind: rebind === 'allow' ? undefined : rebind === 'deny' ? [] : rebind.map(normalizeName),
  };
}

/**
 * A DNS server. createDns().serve() makes one and listens.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createZone, DnsServer, parseDnsMessage, serializeDnsMessage } from 'ringstack/dns';
 *
 * const server = new DnsServer(null, { zones: [createZone({ 'db.internal': '10.0.0.2' })] });
 * const query = serializeDnsMessage({ questions: [{ name: 'db.internal', type: 'A' }] });
 * const { answers } = parseDnsMessage(await server.answer(query));
 * assert.equal(answers[0]?.type === 'A' && answers[0].ip, '10.0.0.2');
 * await server.close();
 * ```
 */
export class DnsServer implements AsyncDisposable {
  /** Counters of queries, answers and drops. */
  readonly statistics: Readonly<DnsServerStatistics>;
  /** Settles when the server is closed. */
  readonly closed: Promise<void>;
  readonly #counts: DnsServerStatistics = {
    queries: 0,
    answers: 0,
    truncated: 0,
    failed: 0,
    droppedMalformed: 0,
    droppedLimit: 0,
    droppedSend: 0,
    connections: 0,
  };
  readonly #network: Network;
  readonly #options: DnsServerOptions;
  readonly #sources: Sources;
  readonly #limits: Required<DnsServerLimits>;
  readonly #pending: Shares;
  readonly #timeout: number;
  readonly #closing = new AbortGroup();
  readonly #over = new Deferred();
  #socket: DatagramSocket | undefined;
  #streams: StreamServer | undefined;
  #port: number;
  #ended: Promise<void> | undefined;

  /**
   * Opens nothing yet: listen() does. answer() needs no listen().
   *
   * @param transport - A stack, its `udp`, any datagram transport, or null.
   * @param options - The address to listen on, and the sources of answers.
   * @throws NetError EINVAL if an option is out of range.
   */
  constructor(transport: DnsTransport, options: DnsServerOptions) {
    const { port = 53, tcp, timeout = 5000, limits = {} } = options;
    this.#options = options;
    this.#network = networkOf(transport, typeof tcp === 'object' ? tcp : undefined);
    this.#port = checkPort(port);
    checkValue(SERVE, 'timeout', timeout, whole(1, INT32_MAX, ' ms'));
    this.#timeout = timeout;
    checkOptions(SERVE, limits, LIMIT_RULES);
    this.#limits = { ...LIMITS, ...limits };
    this.#pending = new Shares(this.#limits.pending, this.#limits.pendingPerClient);
    this.#sources = sourcesOf(options, this.#network);
    this.statistics = this.#counts;
    this.closed = this.#over.promise;
  }

  /** The port it listens on. */
  get port(): number {
    return this.#port;
  }

  /**
   * Listens. serve() has done it.
   *
   * @throws NetError EADDRINUSE if the port is taken, ENOTSUP if TCP is asked for and there is none, or what
   *   the transport says went wrong; EBADF if it listens already or is closed.
   */
  async listen(): Promise<void> {
    if (this.#socket || this.#ended) {
      throw new NetError('EBADF', 'Cannot listen for DNS', { reason: 'it did already' });
    }
    const { host, tcp } = this.#options;
    const stream = this.#network.tcp;
    if (tcp !== undefined && tcp !== false && !stream?.listen) {
      const reason = 'the transport cannot listen for connections';
      throw new NetError('ENOTSUP', 'Cannot listen for DNS over TCP', { reason });
    }
    const at = host === undefined ? {} : { host };
    const socket = await this.#network.open({ ...at, port: this.#port });
    this.#socket = socket;
    const { localPort } = socket as { localPort?: unknown };
    if (this.#port === 0 && typeof localPort === 'number') this.#port = localPort;
    if (tcp !== false && stream?.listen) {
      try {
        this.#serveStreams(await stream.listen({ ...at, port: this.#port }));
      } catch (error) {
        await this.close();
        throw error;
      }
    }
    this.#serveDatagrams(socket).then(
      () => this.close(),
      () => this.close(),
    );
  }

  /**
   * Answers one query, wherever it came from: an HTTP server makes DNS over HTTPS of it.
   *
   * @param query - The query as bytes.
   * @param from - The client and its transport; 'udp' keeps the answer short. By default unknown, and 'tcp'.
   * @returns The response as bytes.
   * @throws NetError EPROTO if the bytes are no query, so that there is nothing to answer.
   */
  async answer(
    query: Uint8Array,
    from: { remote?: DnsClientAddress; transport?: 'udp' | 'tcp' } = {},
  ): Promise<Uint8Array> {
    const { remote = { host: '', port: 0 }, transport = 'tcp' } = from;
    const response = await this.#respond(query, remote, transport);
    if (response) return response;
    const reason = 'it is no query';
    throw new NetError('EPROTO', `Cannot answer ${query.length} bytes`, { reason });
  }

  /**
   * Stops listening, ends all connections, and gives up what is being answered.
   *
   * @throws Never.
   */
  close(): Promise<void> {
    this.#ended ??= this.#close();
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

  async #close(): Promise<void> {
    const reason = 'the server was closed';
    this.#closing.abort(new NetError('ESHUTDOWN', 'Cannot answer', { reason }));
    this.#sources.forward?.close();
    await Promise.allSettled([this.#socket?.close(), this.#streams?.close()]);
    this.#over.resolve();
  }

  #serveStreams(listener: StreamListener): void {
    this.#streams = new StreamServer(listener, this.#limits, this.#counts, (query, remote) =>
      this.#respond(query, remote, 'tcp'),
    );
  }

  async #serveDatagrams(socket: DatagramSocket): Promise<void> {
    const writer = socket.writable.getWriter();
    for await (const datagram of socket) {
      const { host } = datagram;
      if (!this.#pending.take(host)) {
        this.#counts.droppedLimit++;
        continue;
      }
      void this.#serveDatagram(writer, datagram).then(() => this.#pending.give(host));
    }
  }

  async #serveDatagram(
    writer: WritableStreamDefaultWriter<Datagram>,
    datagram: Datagram,
  ): Promise<void> {
    const { host, port } = datagram;
    const data = await this.#respond(datagram.data, { host, port }, 'udp');
    if (!data || this.#closing.aborted) return;
    // From the address, and by the interface, that it came to.
    const { data: _, ...back } = datagram;
    await writer.write({ ...back, data }).catch(() => void this.#counts.droppedSend++);
  }

  /** The response to what came; undefined if there is to be none. */
  async #respond(
    bytes: Uint8Array,
    remote: DnsClientAddress,
    transport: 'udp' | 'tcp',
  ): Promise<Uint8Array | undefined> {
    let query: DnsMessage;
    try {
      query = parseDnsMessage(bytes);
    } catch {
      const error = formatError(bytes);
      if (!error) this.#counts.droppedMalformed++;
      else this.#counts.answers++;
      return error && serializeDnsMessage(error);
    }
    if (query.isResponse) {
      this.#counts.droppedMalformed++;
      return undefined;
    }
    this.#counts.queries++;
    const start = performance.now();
    let failure: unknown;
    let answer: Answer;
    const result = plainResult(query);
    try {
      answer = result
        ? { ...EMPTY, rcode: result, authoritative: false }
        : await this.#lookUp(query, remote, transport);
    } catch (error) {
      failure = error;
      answer = { ...EMPTY, rcode: 'SERVFAIL', authoritative: false };
    }
    let response: Uint8Array;
    try {
      response = this.#serialize(query, answer, transport);
    } catch (error) {
      // Records of the user's that cannot be written.
      failure = error;
      answer = { ...EMPTY, rcode: 'SERVFAIL', authoritative: false };
      response = this.#serialize(query, answer, transport);
    }
    if (failure !== undefined) this.#counts.failed++;
    this.#counts.answers++;
    this.#log(query, remote, transport, answer.rcode, performance.now() - start, failure);
    return response;
  }

  #lookUp(
    query: DnsMessage,
    remote: DnsClientAddress,
    transport: 'udp' | 'tcp',
  ): Answer | Promise<Answer> {
    const { name, type } = query.questions[0] as DnsQuestion;
    const question: DnsQuestion = { name, type, class: 'IN' };
    const known = answerAtOnce(this.#sources, question);
    if (known) return known;
    const slow = (): Error => new NetError('ETIMEDOUT', `Cannot answer for ${name}`);
    return withDeadline(this.#timeout, slow, this.#closing, undefined, (signal) => {
      const asked = {
        remote,
        transport,
        signal,
        dnssecOk: query.edns?.dnssecOk ?? false,
        checkingDisabled: query.checkingDisabled,
      };
      return untilAborted(answerQuestion(this.#sources, question, asked), signal);
    });
  }

  #serialize(query: DnsMessage, answer: Answer, transport: 'udp' | 'tcp'): Uint8Array {
    const { id, opcode, recursionDesired, checkingDisabled, questions, edns } = query;
    const dnssecOk = edns?.dnssecOk ?? false;
    const { rcode, answers, authorities, additionals, authoritative, authenticData } = answer;
    const message: Partial<DnsMessage> = {
      rcode,
      answers,
      authorities,
      additionals,
      authoritative,
      id,
      opcode,
      recursionDesired,
      checkingDisabled,
      questions: questions.length === 1 ? questions : [],
      isResponse: true,
      recursionAvailable: this.#sources.forward !== undefined,
      authenticData: authenticData === true && (dnssecOk || query.authenticData),
      ...(edns && { edns: { udpSize: DNS_EDNS_UDP, dnssecOk } }),
    };
    if (transport === 'tcp') return serializeDnsMessage(message);
    const limit = Math.min(Math.max(edns?.udpSize ?? DNS_UDP, DNS_UDP), DNS_EDNS_UDP);
    const bytes = serializeDnsMessage(message, { limit });
    if (((bytes[2] as number) & 0x02) !== 0) this.#counts.truncated++;
    return bytes;
  }

  #log(
    query: DnsMessage,
    remote: DnsClientAddress,
    transport: 'udp' | 'tcp',
    rcode: DnsRcode,
    duration: number,
    error: unknown,
  ): void {
    const { log } = this.#options;
    if (!log) return;
    const { name = '', type = 'ANY' } = query.questions[0] ?? {};
    const failed = error === undefined ? {} : { error };
    try {
      log({ name: lowerAscii(name), type, remote, transport, rcode, duration, ...failed });
    } catch {
      // A log must not cost an answer.
    }
  }
}
