// SPDX-License-Identifier: MIT
// asker - puts a question to several name servers until one answers, and keeps what they said
//
// Rounds: each server in turn, as often as `attempts` says. One that says that it cannot answer (SERVFAIL,
// REFUSED, …) is not asked again for this question; one that was silent is, and for a while other
// questions go to the others first. A datagram asks with EDNS; a server that does not know EDNS is asked
// without from then on, and the last round goes without, for networks that drop it. A truncated answer is
// asked for again over TCP. Equal questions share one exchange.

import { DNS_EDNS_UDP, DNS_UDP } from '../codec/dns.ts';
import type { DnsEdns, DnsMessage, DnsQuestion } from '../codec/dns_types.ts';
import { NetError } from '../errors.ts';
import { AbortGroup, untilAborted, withDeadline } from '../util/abort.ts';
import { checkPort, parseIp } from '../util/address.ts';
import { checkValue, INT32_MAX, show, whole } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { lowerAscii } from '../util/host_name.ts';
import { DnsCache } from './cache.ts';
import {
  type DnsClientStatistics,
  Exchange,
  type Forwarder,
  type NameServer,
  noStatistics,
  type Reply,
} from './exchange.ts';
import type { Network } from './network.ts';

/** How name servers are asked. */
export interface AskOptions {
  /** Time for one try, in ms, 1 to 2147483647. @default 2000 */
  readonly timeout?: number;
  /** How often each server is asked, 1 to 100. @default 3 */
  readonly attempts?: number;
  /** Answers that are kept, 0 to 1000000; false: none. @default 1000 */
  readonly cache?: number | false;
  /** Longest datagram that we take, in bytes, 512 to 65535; false: no EDNS. @default 1232 */
  readonly edns?: number | false;
}

/** Flags with which a question is asked. */
export interface AskFlags {
  /** The records of DNSSEC are wanted. */
  readonly dnssecOk?: boolean;
  /** Signatures are not to be checked. */
  readonly checkingDisabled?: boolean;
}

const LOOK_UP = 'Cannot look names up';
/** Exchanges at the same time; further ones wait. */
const MOST = 128;
/** How long a silent server is asked after the others, in ms. */
const SULK = 30_000;

/** A server, and what was learnt of it. */
interface Server {
  readonly to: Forwarder;
  knowsEdns: boolean;
  /** Until then others go first, on the clock of performance.now(). */
  silentUntil: number;
}

/** A question that is being asked, for all callers that wait for its answer. */
interface Shared {
  readonly controller: AbortController;
  readonly reply: Promise<Reply>;
  waiting: number;
}

/** Results that another server may know better. */
const TRY_ANOTHER = new Set(['SERVFAIL', 'REFUSED', 'NOTIMP', 'FORMERR', 'NOTAUTH']);

/** The reason of a try that was not answered in time; the caller names the question. */
const SILENCE = (): Error => new NetError('ETIMEDOUT', LOOK_UP);

/** Whether a server cannot read EDNS, or not the version that there is. */
function dislikesEdns({ rcode, edns }: DnsMessage): boolean {
  return rcode === 'BADVERS' || (!edns && (rcode === 'FORMERR' || rcode === 'NOTIMP'));
}

function serverOf(to: Forwarder): Server {
  const learnt = { knowsEdns: true, silentUntil: 0 };
  if (typeof to === 'function') return { to, ...learnt };
  if (typeof to === 'object' && to !== null && 'doh' in to) {
    if (!URL.canParse(to.doh)) {
      throw new NetError('EINVAL', `Cannot use name server ${show(to.doh)}`, {
        reason: 'it is no URL',
      });
    }
    return { to, ...learnt };
  }
  const { ip, port = 53 } = to ?? {};
  parseIp(ip, { zone: true });
  return { to: { ip, port: checkPort(port, 1) }, ...learnt };
}

/** Puts questions to name servers. */
export class Asker {
  readonly statistics: DnsClientStatistics = noStatistics();
  readonly #servers: readonly Server[];
  readonly #exchange: Exchange;
  readonly #timeout: number;
  readonly #attempts: number;
  readonly #edns: number | false;
  readonly #cache: DnsCache;
  readonly #shared = new Map<string, Shared>();
  readonly #closing = new AbortGroup();
  #running = 0;
  readonly #queue: (() => void)[] = [];

  constructor(network: Network, servers: readonly Forwarder[], options: AskOptions = {}) {
    const { timeout = 2000, attempts = 3, cache = 1000, edns = DNS_EDNS_UDP } = options;
    this.#servers = servers.map(serverOf);
    if (servers.length === 0) {
      throw new NetError('EINVAL', 'Cannot ask for names', { reason: 'there is no name server' });
    }
    checkValue(LOOK_UP, 'timeout', timeout, whole(1, INT32_MAX, ' ms'));
    checkValue(LOOK_UP, 'attempts', attempts, whole(1, 100));
    if (edns !== false) checkValue(LOOK_UP, 'edns', edns, whole(DNS_UDP, 0xffff, ' bytes'));
    if (cache !== false) checkValue(LOOK_UP, 'cache', cache, whole(0, 1_000_000));
    this.#timeout = timeout;
    this.#attempts = attempts;
    this.#edns = edns;
    this.#cache = new DnsCache(cache === false ? 0 : cache);
    this.#exchange = new Exchange(network, this.statistics);
  }

  /** The answer to a question, from the cache or from a server. Any result but none at all is an answer. */
  async ask(question: DnsQuestion, flags: AskFlags, signal?: AbortSignal): Promise<DnsMessage> {
    signal?.throwIfAborted();
    const { dnssecOk = false, checkingDisabled = false } = flags;
    const bits = `${dnssecOk ? 'D' : ''}${checkingDisabled ? 'C' : ''}`;
    const key = `${lowerAscii(question.name)} ${question.type} ${question.class ?? 'IN'} ${bits}`;
    const known = this.#cache.get(key);
    if (known) {
      this.statistics.cached++;
      return known;
    }
    const query = { questions: [question], recursionDesired: true, checkingDisabled };
    const shared = this.#shared.get(key) ?? this.#share(key, query, dnssecOk);
    shared.waiting++;
    try {
      const { reply } = shared;
      return (await (signal ? untilAborted(reply, signal) : reply)).message;
    } finally {
      shared.waiting--;
      if (shared.waiting === 0) this.#forget(key, shared);
    }
  }

  /** Nobody waits any longer: what was not answered is given up. */
  #forget(key: string, shared: Shared): void {
    if (this.#shared.get(key) !== shared) return;
    this.#shared.delete(key);
    shared.controller.abort(new NetError('ECONNABORTED', 'Cannot wait for an answer'));
  }

  #share(key: string, query: Partial<DnsMessage>, dnssecOk: boolean): Shared {
    const controller = new AbortController();
    const reply = this.exchange(query, { dnssecOk }, controller.signal);
    const shared = { controller, reply, waiting: 0 };
    this.#shared.set(key, shared);
    const settle = (): void => {
      if (this.#shared.get(key) === shared) this.#shared.delete(key);
    };
    reply.then(({ message, bytes }) => {
      this.#cache.set(key, message, bytes);
      settle();
    }, settle);
    return shared;
  }

  /** Asks the servers, past the cache. */
  async exchange(
    query: Partial<DnsMessage>,
    edns: DnsEdns | undefined,
    signal?: AbortSignal,
  ): Promise<Reply> {
    signal?.throwIfAborted();
    this.#closing.throwIfAborted();
    await this.#enter(signal);
    try {
      return await this.#rounds(query, edns, signal);
    } finally {
      this.#leave();
    }
  }

  /** Hands the place to the next one that waits. */
  #leave(): void {
    const next = this.#queue.shift();
    if (next) next();
    else this.#running--;
  }

  /** Waits until fewer than MOST exchanges are under way. */
  async #enter(signal: AbortSignal | undefined): Promise<void> {
    if (this.#running < MOST) {
      this.#running++;
      return;
    }
    const { promise: free, resolve: enter } = new Deferred();
    this.#queue.push(enter);
    try {
      await withDeadline(INT32_MAX, SILENCE, this.#closing, signal, (ended) =>
        untilAborted(free, ended),
      );
    } catch (error) {
      const at = this.#queue.indexOf(enter);
      if (at >= 0) this.#queue.splice(at, 1);
      // The place was ours already.
      else this.#leave();
      throw error;
    }
  }

  /** Servers that were silent of late come last. */
  #inOrder(): Server[] {
    const now = performance.now();
    const isSilent = ({ silentUntil }: Server): boolean => silentUntil > now;
    const talking = this.#servers.filter((server) => !isSilent(server));
    return [...talking, ...this.#servers.filter(isSilent)];
  }

  async #rounds(
    query: Partial<DnsMessage>,
    edns: DnsEdns | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Reply> {
    let refusal: Reply | undefined;
    let failure: unknown;
    let servers = this.#inOrder();
    for (let round = 0; round < this.#attempts && servers.length > 0; round++) {
      const isPlain = round > 0 && round === this.#attempts - 1;
      const silent: Server[] = [];
      for (const server of servers) {
        const offer = this.#edns !== false && server.knowsEdns && !isPlain;
        const extension = offer ? { ...edns, udpSize: this.#edns as number } : undefined;
        try {
          const reply = await withDeadline(this.#timeout, SILENCE, this.#closing, signal, (ended) =>
            this.#askOne(server, query, extension, ended),
          );
          server.silentUntil = 0;
          if (!TRY_ANOTHER.has(reply.message.rcode)) return reply;
          refusal = reply;
        } catch (error) {
          signal?.throwIfAborted();
          this.#closing.throwIfAborted();
          failure = error;
          if (!(error instanceof NetError) || error.code !== 'ETIMEDOUT') continue;
          this.statistics.timeouts++;
          server.silentUntil = performance.now() + SULK;
          silent.push(server);
        }
      }
      servers = silent;
    }
    if (refusal) return refusal;
    if (failure instanceof NetError) throw failure;
    const reason = 'the name server cannot be asked';
    throw new NetError('ESERVFAIL', LOOK_UP, { reason, cause: failure });
  }

  async #askOne(
    server: Server,
    query: Partial<DnsMessage>,
    edns: DnsEdns | undefined,
    signal: AbortSignal,
  ): Promise<Reply> {
    const { to } = server;
    let message: Partial<DnsMessage> = edns ? { ...query, edns } : query;
    if (typeof to === 'function') return this.#exchange.call(to, message, signal);
    if ('doh' in to) return this.#exchange.https(to, message, signal);
    const address: Required<NameServer> = { ip: to.ip, port: to.port ?? 53 };
    let reply = await this.#exchange.datagram(address, message, signal);
    if (edns && dislikesEdns(reply.message)) {
      message = query;
      reply = await this.#exchange.datagram(address, message, signal);
      server.knowsEdns = reply.message.rcode === 'FORMERR';
    }
    if (!reply.message.truncated || !this.#exchange.hasStreams) return reply;
    return this.#exchange.stream(address, message, signal);
  }

  /** Gives everything up that is being asked. */
  close(): void {
    const reason = 'DNS was closed';
    this.#closing.abort(new NetError('ESHUTDOWN', LOOK_UP, { reason }));
    this.#cache.clear();
  }
}
