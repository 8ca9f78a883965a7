// SPDX-License-Identifier: MIT
// core - what all parts of a gateway share: its policy, names, book and settings

import { parseDnsMessage, serializeDnsMessage } from '../codec/dns.ts';
import { NetError } from '../errors.ts';
import { lowerAscii } from '../util/host_name.ts';
import type { Book } from './book.ts';
import type { NameTable } from './names.ts';
import type { PolicyTable } from './policy.ts';
import type { PolicyDecision } from './policy_types.ts';
import type { FlowEnd, GatewayOptions, Rejection } from './types.ts';

/** The shared state of one gateway. */
export class Core {
  readonly options: GatewayOptions;
  readonly policy: PolicyTable;
  readonly names: NameTable;
  readonly book: Book;
  readonly connectTimeout: number;

  constructor(
    options: GatewayOptions,
    policy: PolicyTable,
    names: NameTable,
    book: Book,
    connectTimeout: number,
  ) {
    this.options = options;
    this.policy = policy;
    this.names = names;
    this.book = book;
    this.connectTimeout = connectTimeout;
  }

  /** A guest. */
  guest(address: string, port: number): FlowEnd {
    const name = this.options.guestName?.(address);
    return name === undefined ? { address, port } : { address, port, name };
  }

  /** A destination of a guest, with the name it had looked up, and the decision about it. */
  decide(
    protocol: 'tcp' | 'udp' | 'icmp',
    source: FlowEnd,
    address: string,
    port: number,
  ): { destination: FlowEnd; decision: PolicyDecision } {
    const names = this.names.namesOf(source.address, address, performance.now());
    const [name] = names;
    const destination = name === undefined ? { address, port } : { address, port, name };
    const decision = this.policy.decide({ protocol, source, address, port, names });
    if (!decision.isAllowed) {
      this.book.statistics.denied++;
      this.book.feed.push({ kind: 'deny', protocol, source, destination, rule: decision.rule });
    }
    return { destination, decision };
  }

  /** Names by which a guest knows an address, and that the policy allows, the newest first. */
  namesOf(source: FlowEnd, { address, port }: FlowEnd): string[] {
    const names = this.names.namesOf(source.address, address, performance.now());
    const question = { protocol: 'tcp', source, address, port } as const;
    return names.filter((name) => this.policy.decide({ ...question, names: [name] }).isAllowed);
  }

  /** The answer to a guest that the policy refuses. */
  get onDeny(): Rejection {
    return this.options.onDeny ?? 'prohibited';
  }

  /** Answers a query of a guest to another name server; throws if it is none, or there is no server. */
  async answer(query: Uint8Array, source: FlowEnd, transport: 'udp' | 'tcp'): Promise<Uint8Array> {
    const { address: host, port } = source;
    const { dns } = this.options;
    if (!dns) throw new NetError('ENOTSUP', 'Cannot answer', { reason: 'there is no name server' });
    this.book.statistics.queries++;
    const refused = this.refuse(query, source);
    if (refused) return refused;
    const response = await dns.answer(query, { remote: { host, port }, transport });
    this.names.observe(host, response, performance.now());
    return response;
  }

  /** The answer to a query for a name that the guest may not look up; undefined: it may. */
  refuse(query: Uint8Array, source: FlowEnd): Uint8Array | undefined {
    const message = parseDnsMessage(query);
    const [question] = message.questions;
    if (message.isResponse || !question) return undefined;
    const name = lowerAscii(question.name);
    const { localDomains = [] } = this.options;
    if (localDomains.some((one) => name === one || name.endsWith(`.${one}`))) return undefined;
    const { isAllowed, rule } = this.policy.decideName(name, source);
    if (isAllowed) return undefined;
    this.book.statistics.denied++;
    const destination = { address: '', port: 53, name };
    this.book.feed.push({ kind: 'deny', protocol: 'dns', source, destination, rule });
    const { id, opcode, recursionDesired, questions } = message;
    return serializeDnsMessage({
      ...{ id, opcode, recursionDesired, questions },
      isResponse: true,
      rcode: 'REFUSED',
    });
  }

  /** A flow that could not be had. */
  failed(protocol: 'tcp' | 'udp', source: FlowEnd, destination: FlowEnd, error: unknown): void {
    this.book.statistics.failed++;
    this.book.feed.push({ kind: 'fail', protocol, source, destination, error });
  }
}

/** How a guest is told of the failure of a way out. */
export function rejectionOf(error: unknown): Rejection {
  const { code } = error as Partial<NetError>;
  switch (code) {
    case 'ECONNREFUSED':
    case 'ECONNRESET':
      return 'refused';
    case 'EACCES':
    case 'EPERM':
    case 'EREFUSED':
      return 'prohibited';
    default:
      return 'unreachable';
  }
}
