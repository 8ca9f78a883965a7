// SPDX-License-Identifier: MIT
// answer - what a DNS server says to a question: hosts, zones, the user's function, other servers
//
// In this order, and the first that knows the name answers. The user's function says undefined for what it
// does not have; without a server to ask instead, the question is then put to it for A and AAAA: a name that
// has one of them exists, so that "no such name" for AAAA does not take the A away from a client (musl
// believes whichever answer says so). A CNAME without its target is followed in the same way.

import type { DnsRcode, DnsType } from '../codec/dns_numbers.ts';
import { ptrNameToIP } from '../codec/dns_ptr.ts';
import type { DnsMessage, DnsQuestion, DnsRecord } from '../codec/dns_types.ts';
import { lowerAscii } from '../util/host_name.ts';
import type { Hosts } from '../util/hosts.ts';
import type { Asker } from './asker.ts';
import { denyRebinding } from './rebind.ts';
import type { DnsResponse, Zone } from './zone.ts';

/** The client that asks. */
export interface DnsClientAddress {
  /** Its address. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
}

/** A question to the user's function. */
export interface DnsRequest {
  /** Name, in lower case, no dot at the end. */
  readonly name: string;
  /** Type. */
  readonly type: DnsType;
  /** The client that asks. */
  readonly remote: DnsClientAddress;
  /** How it came. */
  readonly transport: 'udp' | 'tcp';
  /** Aborted when nobody waits for the answer any longer. */
  readonly signal: AbortSignal;
}

/** An answer in full. */
export interface DnsFullResponse {
  /** Result. @default 'NOERROR' */
  readonly rcode?: DnsRcode;
  /** Records; those without a name have the one that was asked for. @default none */
  readonly answers?: readonly (DnsResponse | DnsRecord)[];
  /** Servers of the zone, or its SOA. @default none */
  readonly authorities?: readonly DnsRecord[];
  /** Records that may be of use. @default none */
  readonly additionals?: readonly DnsRecord[];
}

/** Result of the user's function: undefined if it knows no record of that name and type. */
export type DnsRequestResult =
  | DnsResponse
  | readonly DnsResponse[]
  | DnsFullResponse
  | undefined
  // biome-ignore lint/suspicious/noConfusingVoidType: a function without return is one that knows nothing
  | void;

/** Answers questions. */
export type RequestFn = (request: DnsRequest) => DnsRequestResult | Promise<DnsRequestResult>;

/** The sources of answers. */
export interface Sources {
  readonly hosts: Hosts | undefined;
  readonly zones: readonly Zone[];
  readonly request: RequestFn | undefined;
  readonly forward: Asker | undefined;
  /** Names that may have addresses that are not public; undefined: all may. */
  readonly rebind: readonly string[] | undefined;
}

/** The client and transport of a question, and how it may be answered. */
export type Asked = Omit<DnsRequest, 'name' | 'type'> & {
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
};

/** An answer. */
export type Answer = Pick<DnsMessage, 'rcode' | 'answers' | 'authorities' | 'additionals'> & {
  readonly authoritative: boolean;
  readonly authenticData?: boolean;
};

const LONGEST_CHAIN = 8;
const TTL = 60;
const NOTHING = { answers: [], authorities: [], additionals: [] } as const;

function fromHosts(hosts: Hosts, { name, type }: DnsQuestion): Answer | undefined {
  const records: DnsRecord[] = [];
  const base = { name, class: 'IN', ttl: TTL } as const;
  if (/\.arpa$/i.test(name)) {
    try {
      const names = hosts.reverse(ptrNameToIP(name).ip);
      if (names.length === 0) return undefined;
      for (const ptr of names) records.push({ ...base, type: 'PTR', ptr });
    } catch {
      return undefined;
    }
  } else {
    const known = lookupHost(hosts, name);
    if (known.length === 0) return undefined;
    for (const { address: ip, family } of known) {
      records.push({ ...base, type: family === 4 ? 'A' : 'AAAA', ip });
    }
  }
  const answers = records.filter((record) => type === 'ANY' || record.type === type);
  return { ...NOTHING, rcode: 'NOERROR', authoritative: true, answers };
}

function lookupHost(hosts: Hosts, name: string): ReturnType<Hosts['lookup']> {
  try {
    return hosts.lookup(name);
  } catch {
    return []; // names that came need not be names of hosts
  }
}

function fromZones(zones: readonly Zone[], { name, type }: DnsQuestion): Answer | undefined {
  for (const zone of zones) {
    const found = zone.find(name, type);
    if (found === undefined) continue;
    const { exists, records, soa } = found;
    return {
      rcode: exists ? 'NOERROR' : 'NXDOMAIN',
      authoritative: true,
      answers: records,
      authorities: records.length > 0 ? [] : [soa],
      additionals: [],
    };
  }
  return undefined;
}

function isFull(result: NonNullable<DnsRequestResult>): result is DnsFullResponse {
  return !Array.isArray(result) && !('type' in result);
}

/** The result of the user's function, as an answer. */
function shape(result: NonNullable<DnsRequestResult>, name: string): Answer {
  const full: DnsFullResponse = isFull(result)
    ? result
    : { answers: (Array.isArray(result) ? result : [result]) as DnsResponse[] };
  const { rcode = 'NOERROR', answers = [], authorities = [], additionals = [] } = full;
  const named = answers.map((one) => ({ name, class: 'IN', ttl: TTL, ...one }) as DnsRecord);
  return { rcode, authoritative: true, answers: named, authorities, additionals };
}

/** Whether the function has an address for a name that it lacks a type of. */
async function knowsName(
  request: RequestFn,
  name: string,
  type: DnsType,
  asked: Asked,
): Promise<boolean> {
  for (const other of ['A', 'AAAA'] as const) {
    if (other === type) continue;
    try {
      const result = await request({ ...asked, name, type: other });
      if (result && (!isFull(result) || (result.rcode ?? 'NOERROR') === 'NOERROR')) return true;
    } catch {
      // It does not know it for sure.
    }
  }
  return false;
}

async function fromRequest(
  sources: Sources,
  question: DnsQuestion,
  asked: Asked,
): Promise<Answer | undefined> {
  const request = sources.request as RequestFn;
  const name = lowerAscii(question.name);
  const result = await request({ ...asked, name, type: question.type });
  if (result) return shape(result, question.name);
  if (sources.forward) return undefined;
  const isKnown = await knowsName(request, name, question.type, asked);
  return { ...NOTHING, rcode: isKnown ? 'NOERROR' : 'NXDOMAIN', authoritative: true };
}

async function fromForward(sources: Sources, question: DnsQuestion, asked: Asked): Promise<Answer> {
  const { dnssecOk, checkingDisabled, signal } = asked;
  const plain = { ...question, name: lowerAscii(question.name) };
  const asker = sources.forward as Asker;
  const came = await asker.ask(plain, { dnssecOk, checkingDisabled }, signal);
  const { rcode, answers, authorities, additionals, authenticData } = sources.rebind
    ? denyRebinding(came, sources.rebind)
    : came;
  return { rcode, answers, authorities, additionals, authenticData, authoritative: false };
}

/** The answer of hosts or zones, if they have one. */
function fromHere({ hosts, zones }: Sources, question: DnsQuestion): Answer | undefined {
  return (hosts && fromHosts(hosts, question)) ?? fromZones(zones, question);
}

async function answerOne(
  sources: Sources,
  question: DnsQuestion,
  asked: Asked,
): Promise<Answer | undefined> {
  const known = fromHere(sources, question);
  if (known) return known;
  const { request, forward } = sources;
  const answer = request && (await fromRequest(sources, question, asked));
  return answer ?? (forward && fromForward(sources, question, asked));
}

/** The name that an answer leads to and does not have records of. */
function openEnd(answers: readonly DnsRecord[], type: DnsType): string | undefined {
  const last = answers.at(-1);
  if (last?.type !== 'CNAME' || type === 'CNAME' || type === 'ANY') return undefined;
  return last.cname;
}

/**
 * Answers a question at once, if nobody needs to be asked for it.
 *
 * @param sources - The sources of answers.
 * @param question - The question, of class IN.
 * @returns The answer of hosts or zones; undefined if they have none, or only the beginning of a chain.
 * @throws Never.
 */
export function answerAtOnce(sources: Sources, question: DnsQuestion): Answer | undefined {
  const answer = fromHere(sources, question);
  return answer && openEnd(answer.answers, question.type) === undefined ? answer : undefined;
}

/**
 * Answers a question.
 *
 * @param sources - The sources of answers.
 * @param question - The question, of class IN.
 * @param asked - The client, and how it asks.
 * @returns The answer; REFUSED if nobody here is to be asked for the name.
 * @throws The failure of the user's function, or of the forwarder if all its servers fail.
 */
export async function answerQuestion(
  sources: Sources,
  question: DnsQuestion,
  asked: Asked,
): Promise<Answer> {
  const first = await answerOne(sources, question, asked);
  if (first === undefined) return { ...NOTHING, rcode: 'REFUSED', authoritative: false };
  if (!first.authoritative) return first;
  let answer = first;
  const seen = new Set([lowerAscii(question.name)]);
  for (let name = openEnd(answer.answers, question.type); name !== undefined; ) {
    if (seen.has(lowerAscii(name)) || seen.size > LONGEST_CHAIN) break;
    seen.add(lowerAscii(name));
    const more = await answerOne(sources, { ...question, name }, asked);
    if (more === undefined) break;
    const answers = [...answer.answers, ...more.answers];
    const { rcode, authorities, additionals } = more;
    answer = { ...answer, rcode, answers, authorities, additionals };
    name = more.authoritative ? openEnd(more.answers, question.type) : undefined;
  }
  return answer;
}
