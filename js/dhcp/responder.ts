// SPDX-License-Identifier: MIT
// responder - what a DHCP server answers to a message (RFC 2131, section 4.3)
//
// | message | answer |
// |---|---|
// | DISCOVER | OFFER of the client's own address, or of the next free one |
// | REQUEST with our identifier | ACK of the address that was offered, or NAK |
// | REQUEST with that of another server | none: the offer is taken back |
// | REQUEST after a restart, to renew or rebind | ACK if the client may have the address, else NAK |
// | RELEASE | none: the lease ends |
// | DECLINE | none: the address is kept back for 10 minutes |
// | INFORM | ACK with options and no lease |
//
// The address is chosen and held before anything is waited for (probe, function, store), so two clients that ask at
// the same time never get the same one. Only the client that holds an address can release or decline it.

import type { DhcpMessage } from '../codec/dhcp.ts';
import { readDhcpOption } from '../codec/dhcp_options.ts';
import type { Applicant, DhcpLease, Pool } from './leases.ts';
import { ipToNumber } from './leases.ts';
import { cleanHostname } from './names.ts';
import type {
  DhcpDecision,
  DhcpEvent,
  DhcpRequest,
  DhcpServerOptions,
  DhcpServerStatistics,
} from './server_types.ts';
import { isSameNetwork, type Settings } from './settings.ts';

/** An answer, not yet in bytes. */
export interface Answer {
  readonly kind: 'OFFER' | 'ACK' | 'NAK';
  /** The address; undefined for a NAK, and for the answer to INFORM. */
  readonly ip: string | undefined;
  /** Seconds. */
  readonly duration: number | undefined;
  readonly request: DhcpRequest;
  readonly decision: DhcpDecision;
}

/** Parts of a server that a responder uses. */
export interface ResponderParts {
  readonly settings: Settings;
  readonly options: DhcpServerOptions;
  readonly pool: Pool;
  readonly counts: DhcpServerStatistics;
  /** Whether an address is in use. */
  readonly probe: ((ip: string) => Promise<boolean>) | undefined;
  /** Says what happened. */
  readonly tell: (event: DhcpEvent) => void;
  /** A lease is new, or longer: settles when it is saved. */
  readonly granted: (key: string, lease: DhcpLease) => Promise<void> | undefined;
  /** A lease has ended. */
  readonly ended: (key: string) => void;
}

const NONE = '0.0.0.0';
/** Addresses that are probed for one DISCOVER. */
const PROBES = 4;
const MAX_DURATION = 0xffff_ffff;
const REFUSE = 'nak';

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return (
    bytes &&
    String.fromCharCode(...bytes.subarray(0, 255).filter((byte) => byte > 0x1f && byte < 0x7f))
  );
}

/** Answers messages. */
export class Responder {
  readonly #parts: ResponderParts;

  constructor(parts: ResponderParts) {
    this.#parts = parts;
  }

  /** The answer to a message; undefined: none. */
  async answer(message: DhcpMessage, iface: unknown): Promise<Answer | undefined> {
    const { settings, counts } = this.#parts;
    const { serverIdentifier } = message;
    const applicant = this.#applicantOf(message);
    if (serverIdentifier !== undefined && serverIdentifier !== settings.server) {
      counts.droppedOther++;
      // The client has taken the offer of another server.
      if (message.type === 'REQUEST') this.#parts.pool.cancel(applicant.key);
      return undefined;
    }
    switch (message.type) {
      case 'DISCOVER':
        return this.#discover(message, applicant, iface);
      case 'REQUEST':
        return this.#request(message, applicant, iface);
      case 'RELEASE':
        return this.#release(message, applicant);
      case 'DECLINE':
        return this.#decline(message, applicant);
      case 'INFORM':
        return this.#inform(message, iface);
      default:
        counts.droppedMalformed++;
        return undefined;
    }
  }

  #applicantOf({ mac, options }: DhcpMessage): Applicant {
    const id = this.#parts.options.clientId ? options.get(61) : undefined;
    return { key: id && id.length >= 2 ? hex(id) : mac, mac };
  }

  #requestOf(message: DhcpMessage, ip: string | undefined, iface: unknown): DhcpRequest {
    const { mac, options, ciaddr, giaddr } = message;
    const id = options.get(61);
    return {
      type: message.type ?? 'DISCOVER',
      mac,
      clientId: id && hex(id),
      hostname: cleanHostname(readDhcpOption(options, 'hostName')),
      vendorClass: textOf(options.get(60)),
      userClass: textOf(options.get(77)),
      architecture: readDhcpOption(options, 'clientArchitecture'),
      requestedIP: message.requestedIP ?? (ciaddr === NONE ? undefined : ciaddr),
      ip,
      relay: giaddr === NONE ? undefined : giaddr,
      interface: iface,
    };
  }

  /** Asks the function of the program. Its failure is an event, and the request is not answered. */
  async #decide(request: DhcpRequest): Promise<DhcpDecision | 'ignore' | 'nak'> {
    const { decide } = this.#parts.options;
    if (!decide) return {};
    try {
      return (await decide(request)) ?? {};
    } catch (error) {
      this.#parts.counts.failed++;
      this.#parts.tell({ kind: 'error', mac: request.mac, error });
      return 'ignore';
    }
  }

  async #discover(
    message: DhcpMessage,
    applicant: Applicant,
    iface: unknown,
  ): Promise<Answer | undefined> {
    const { pool, settings, tell } = this.#parts;
    let ip = pool.choose(applicant, message.requestedIP, Date.now());
    const request = this.#requestOf(message, ip, iface);
    const decision = await this.#decide(request);
    if (decision === 'ignore' || decision === REFUSE) {
      pool.cancel(applicant.key);
      return undefined;
    }
    if (decision.ip !== undefined) {
      const now = Date.now();
      ip = pool.isOthers(applicant.key, decision.ip, now) ? undefined : decision.ip;
      if (ip !== undefined) pool.hold(applicant.key, ip, now);
    } else if (ip !== undefined) ip = await this.#probed(applicant, ip);
    if (ip === undefined) {
      this.#parts.counts.exhausted++;
      tell({ kind: 'exhausted', mac: applicant.mac });
      return undefined;
    }
    tell({ kind: 'offer', mac: applicant.mac, ip });
    const duration = decision.leaseDuration ?? settings.duration;
    return { kind: 'OFFER', ip, duration, request: { ...request, ip }, decision };
  }

  /** The address, or another one if a host has it already. */
  async #probed(applicant: Applicant, first: string): Promise<string | undefined> {
    const { pool, probe, tell } = this.#parts;
    let ip: string | undefined = first;
    for (let i = 0; i < PROBES && probe && ip !== undefined; i++) {
      // A client with a lease has its address in use itself.
      if (pool.leaseOf(applicant.key, Date.now())?.ip === ip) return ip;
      if (!(await probe(ip))) return ip;
      tell({ kind: 'conflict', mac: applicant.mac, ip });
      pool.cancel(applicant.key);
      pool.decline(ip, Date.now());
      ip = pool.choose(applicant, undefined, Date.now());
    }
    return ip;
  }

  async #request(
    message: DhcpMessage,
    applicant: Applicant,
    iface: unknown,
  ): Promise<Answer | undefined> {
    const { pool, settings, options } = this.#parts;
    const { authoritative = true } = options;
    const { ciaddr } = message;
    const { key } = applicant;
    const now = Date.now();
    const wanted = message.requestedIP ?? (ciaddr === NONE ? undefined : ciaddr);
    const request = this.#requestOf(message, wanted, iface);
    const held = pool.offerOf(key) ?? pool.leaseOf(key, now)?.ip;
    const isOurs = message.serverIdentifier !== undefined || held !== undefined;
    if (wanted === undefined || !this.#mayHave(applicant, wanted, held, now)) {
      pool.cancel(key);
      // One that we do not know may be another server's client (RFC 2131, section 4.3.2).
      return isOurs || authoritative || !this.#isHere(wanted) ? this.#nak(request) : undefined;
    }
    if (!isOurs && !authoritative) return undefined;
    if (held !== wanted) pool.hold(key, wanted, now);
    const decision = await this.#decide(request);
    if (decision === 'ignore') {
      pool.cancel(key);
      return undefined;
    }
    if (decision === REFUSE || (decision.ip !== undefined && decision.ip !== wanted)) {
      pool.cancel(key);
      return this.#nak(request);
    }
    const duration = decision.leaseDuration ?? settings.duration;
    await this.#grant(applicant, wanted, duration, decision.hostname ?? request.hostname, request);
    return { kind: 'ACK', ip: wanted, duration, request, decision };
  }

  /** An address of a function may be outside the range: it counts as long as it is held. */
  #mayHave(applicant: Applicant, ip: string, held: string | undefined, now: number): boolean {
    const { pool } = this.#parts;
    if (!pool.hasRoom(applicant.key)) return false;
    return (
      pool.isFor(applicant, ip, now) || (held === ip && this.#parts.options.decide !== undefined)
    );
  }

  #isHere(ip: string | undefined): boolean {
    const { network, mask } = this.#parts.settings;
    return ip !== undefined && isSameNetwork(ipToNumber(ip), network, mask);
  }

  #grant(
    { key, mac }: Applicant,
    ip: string,
    duration: number,
    hostname: string | undefined,
    { clientId }: DhcpRequest,
  ): Promise<void> | undefined {
    const { pool, tell } = this.#parts;
    const now = Date.now();
    const isRenewed = pool.leaseOf(key, now)?.ip === ip;
    const expiresAt = duration >= MAX_DURATION ? Number.POSITIVE_INFINITY : now + duration * 1000;
    const lease: DhcpLease = {
      ip,
      mac,
      expiresAt,
      ...(hostname !== undefined && { hostname }),
      ...(clientId !== undefined && { clientId }),
    };
    pool.grant(key, lease);
    tell({ kind: isRenewed ? 'renew' : 'lease', mac, ip, lease });
    return this.#parts.granted(key, lease);
  }

  #nak(request: DhcpRequest): Answer {
    this.#parts.tell({ kind: 'nak', mac: request.mac, ip: request.requestedIP });
    return { kind: 'NAK', ip: undefined, duration: undefined, request, decision: {} };
  }

  #release({ ciaddr, mac }: DhcpMessage, { key }: Applicant): undefined {
    const { pool, tell, counts } = this.#parts;
    const lease = pool.leases.get(key);
    if (lease && (ciaddr === NONE || ciaddr === lease.ip)) {
      pool.end(key);
      tell({ kind: 'release', mac, ip: lease.ip, lease });
      this.#parts.ended(key);
    } else if (!pool.offerOf(key)) counts.droppedOther++;
    pool.cancel(key);
    return undefined;
  }

  #decline({ requestedIP, mac }: DhcpMessage, { key }: Applicant): undefined {
    const { pool, tell, counts } = this.#parts;
    const has = (ip: string | undefined): boolean => ip !== undefined && ip === requestedIP;
    const lease = pool.leases.get(key);
    if (!requestedIP || !(has(lease?.ip) || has(pool.offerOf(key)))) {
      counts.droppedOther++;
      return undefined;
    }
    if (lease) {
      pool.leases.delete(key);
      this.#parts.ended(key);
    }
    pool.cancel(key);
    pool.decline(requestedIP, Date.now());
    tell({ kind: 'decline', mac, ip: requestedIP });
    return undefined;
  }

  async #inform(message: DhcpMessage, iface: unknown): Promise<Answer | undefined> {
    if (!this.#isHere(message.ciaddr)) {
      this.#parts.counts.droppedOther++;
      return undefined;
    }
    const request = this.#requestOf(message, undefined, iface);
    const decision = await this.#decide(request);
    if (decision === 'ignore' || decision === REFUSE) return undefined;
    this.#parts.tell({ kind: 'inform', mac: message.mac, ip: message.ciaddr });
    return { kind: 'ACK', ip: undefined, duration: undefined, request, decision };
  }
}
