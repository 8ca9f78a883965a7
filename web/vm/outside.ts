// SPDX-License-Identifier: MIT
// outside - the guests' way out: which hosts they may reach, and through what
//
// Theory of operation
//
// A page cannot look names up, so each name that is allowed gets an address of RANGE when a guest asks for it. A
// connection to that address is one to the name, and goes to the way out by name: that looks it up elsewhere.
// Other names are refused. The gateway's own policy stays in front: of all that is not public, only RANGE is open.
// Ways and hosts may change at any time; connections that are open go on.

import type { DnsRequest, DnsRequestResult } from 'ringstack/dns';
import {
  createPolicy,
  fetchHttp,
  type PolicyTable,
  type Rejection,
  type StreamConnection,
  type TcpFlow,
  type TcpWay,
  wisp,
} from 'ringstack/gateway';
import type { OutsideSettings, Refusal, WayKind } from './messages.ts';

/** Addresses that stand for names: of a range for tests (RFC 2544), where no host of the world is. */
export const RANGE = '198.18.0.0/15';
const RANGE_SIZE = 2 ** 17;
/** Names that have an address at the same time. */
const MOST = 4096;

/** The ways out, by their kinds. */
const WAYS: Readonly<Record<Exclude<WayKind, 'none'>, (url: string) => TcpWay>> = {
  fetch: () => fetchHttp(),
  wisp: (url) => wisp(checkUrl(url)),
};

function checkUrl(text: string): string {
  const { protocol } = URL.canParse(text) ? new URL(text) : { protocol: '' };
  if (protocol === 'wss:' || protocol === 'ws:') return text;
  throw new Error(
    `Cannot use "${text}" as a Wisp server: it must be a URL that begins with wss:// or ws://`,
  );
}

/** Names and the addresses that stand for them; the oldest is forgotten when there are too many. */
class Addresses {
  readonly #addresses = new Map<string, string>();
  readonly #names = new Map<string, string>();
  #last = 0;

  of(name: string): string {
    const known = this.#addresses.get(name);
    if (known !== undefined) return known;
    this.#last = (this.#last + 1) % RANGE_SIZE || 1;
    const n = this.#last;
    const address = `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
    this.#addresses.set(name, address);
    this.#names.set(address, name);
    if (this.#names.size > MOST) {
      const [[oldest, old] = ['', '']] = this.#names;
      this.#names.delete(oldest);
      this.#addresses.delete(old);
    }
    return address;
  }

  known(name: string): string | undefined {
    return this.#addresses.get(name);
  }

  nameOf(address: string): string | undefined {
    return this.#names.get(address);
  }
}

const read = (allow: readonly string[]): PolicyTable => createPolicy({ allow, override: [RANGE] });

/** Is told of a refusal, and the flow if it was one. */
export type OnRefusal = (refusal: Refusal, flow: TcpFlow | undefined) => void;

/** The guests' way out. */
export class Outside {
  readonly #onRefusal: OnRefusal;
  readonly #nameOf: (address: string) => string;
  readonly #addresses = new Addresses();
  #way: TcpWay | undefined;
  #policy = read([]);

  /**
   * @param nameOf - Name of a guest by its address.
   * @param onRefusal - Is told what was refused, and what failed.
   */
  constructor(nameOf: (address: string) => string, onRefusal: OnRefusal) {
    this.#nameOf = nameOf;
    this.#onRefusal = onRefusal;
  }

  /**
   * Changes way and hosts.
   *
   * @throws {NetError} EINVAL for a malformed host; another Error for a bad URL. Then nothing has changed.
   */
  set({ kind, url, allowed }: OutsideSettings): void {
    const policy = read(allowed);
    this.#way = kind === 'none' ? undefined : WAYS[kind](url);
    this.#policy = policy;
  }

  /** The name that an address stands for. */
  nameOf(address: string): string | undefined {
    return this.#addresses.nameOf(address);
  }

  /** The address that stands for a name. */
  addressOf(name: string): string | undefined {
    return this.#addresses.known(name);
  }

  /** Answers a question for a name outside; undefined: it is one of the network's own. */
  resolve({ name, type, remote }: DnsRequest): DnsRequestResult {
    if (!name.includes('.') || /(^|\.)(internal|arpa)$/.test(name)) return undefined;
    const { isAllowed, rule } = this.#policy.decideName(name, { address: remote.host });
    if (!this.#way || !isAllowed || rule === 'default') {
      if (type === 'A') this.#tell(remote.host, name, this.#why, true);
      return { rcode: 'REFUSED' };
    }
    return type === 'A' ? { type, ip: this.#addresses.of(name), ttl: 60 } : { rcode: 'NOERROR' };
  }

  /** Decides about a connection of a guest. */
  async connect(flow: TcpFlow): Promise<StreamConnection | Rejection | undefined> {
    const { source, destination, signal } = flow;
    const { address, port } = destination;
    const name = this.#addresses.nameOf(address);
    const names = name === undefined ? [] : [name];
    const question = { protocol: 'tcp', source, address, port, names } as const;
    const way = this.#way;
    const host = name ?? address;
    if (!way || !this.#policy.decide(question).isAllowed) {
      this.#tell(source.address, `${host}:${port}`, this.#why, true, flow);
      return 'prohibited';
    }
    if (typeof way === 'function') return way(flow);
    try {
      const allows = (other: string, at: number): boolean =>
        this.#policy.decideHost(other, at, source).isAllowed;
      return await way.connect({ host, port, signal, names, allows });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#tell(source.address, `${host}:${port}`, reason, false, flow);
      throw error;
    }
  }

  get #why(): string {
    return this.#way ? 'not on the list' : 'there is no way out';
  }

  #tell(guest: string, host: string, reason: string, canAllow: boolean, flow?: TcpFlow): void {
    this.#onRefusal({ guest: this.#nameOf(guest), host, reason, canAllow }, flow);
  }
}
