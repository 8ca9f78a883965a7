// SPDX-License-Identifier: MIT
// messages - the messages between the page of the VMs and its workers (worker_client.ts)
//
// One worker is the network: switch, stack, DHCP, DNS, gateway. Each guest has a worker of its own. A guest is
// plugged into the network by a MessagePort (cable.ts), which the page passes on to both.

import type { SeenFrame } from '../packets/seen.ts';

/** Name of a guest. */
export type GuestName = 'alpha' | 'beta';
/** The end that a frame comes from: a guest, or the network's own stack. */
export type EndName = GuestName | 'page';

/** A guest, as the page knows it before it runs. */
export interface GuestFacts {
  readonly mac: string;
  /** The address that DHCP gives to that MAC. */
  readonly address: string;
  /** The other one. */
  readonly peer: GuestName;
}

/** The guests. All go on from one state: each is told its name and MAC. */
export const GUESTS: Readonly<Record<GuestName, GuestFacts>> = {
  alpha: { mac: '02:00:00:00:00:0a', address: '10.0.0.2', peer: 'beta' },
  beta: { mac: '02:00:00:00:00:0b', address: '10.0.0.3', peer: 'alpha' },
};
export const NAMES: readonly GuestName[] = ['alpha', 'beta'];

/** A file of the built page. */
export interface GuestFile {
  /** Relative to the page. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** guest/guest.json, which tools/page/vm_demo.mjs writes. */
export interface GuestList {
  readonly files: Readonly<Record<'kernel' | 'initrd' | 'bios' | 'vgaBios', GuestFile>>;
  readonly cards: Readonly<Record<string, GuestCard>>;
}

/** A network card of the guests. */
export interface GuestCard {
  /** Options of the emulator. */
  readonly options: object;
  /** The state of a guest that has booted with it and asks for its name, compressed by zstd. */
  readonly state: GuestFile;
}

/** How a guest is started. */
export interface StartSettings {
  readonly name: GuestName;
  readonly card: string;
  /** Largest packet of the network, bytes. */
  readonly mtu: number;
  /** From a saved state, or by booting. */
  readonly how: 'state' | 'boot';
}

/** A guest that runs. */
export interface Started {
  /** Whether the files came out of the browser's cache. */
  readonly isCached: boolean;
}

/** Calls of a guest. */
export interface GuestCalls {
  start(settings: StartSettings, cable: MessagePort): Started;
  /** Types into the console. */
  type(text: string): void;
}

/** Notices of a guest. */
export type GuestTold =
  | {
      readonly told: 'step';
      readonly what: string;
      readonly done?: number;
      readonly total?: number;
    }
  | { readonly told: 'console'; readonly text: string };

/** A document that a web server has answered with. */
export interface Document {
  readonly url: string;
  readonly status: number;
  readonly reason: string;
  readonly type: string;
  readonly body: Uint8Array;
  /** Time from connecting to its last byte. */
  readonly ms: number;
}

/** Bytes that were moved. */
export interface Moved {
  readonly bytes: number;
  readonly ms: number;
}

/** A request to the page's web server, as far as it has come. */
export interface GuestRequest {
  readonly id: number;
  readonly guest: string;
  readonly method: string;
  readonly path: string;
  /** Undefined: not answered yet. */
  readonly status?: number;
  /** Bytes of the answer's body that were sent, of all. */
  readonly sent: number;
  readonly total: number;
  readonly ms: number;
  readonly agent: string;
  /** The body of a POST, as text. */
  readonly body?: string;
  /** The failure, as text. */
  readonly error?: string;
  readonly isDone: boolean;
}

/** An address that a guest has by DHCP. */
export interface Lease {
  readonly name: string;
  readonly address: string;
  readonly mac: string;
  /** ms since 1970. */
  readonly expiresAt: number;
}

/** A question to the network's name server, answered. */
export interface Query {
  /** ms since 1970. */
  readonly time: number;
  readonly guest: string;
  readonly name: string;
  readonly type: string;
  /** Addresses, or the reason why there are none. */
  readonly answer: string;
  readonly isBad: boolean;
}

/** A connection, or datagrams between two ends. */
export interface Flow {
  readonly id: number;
  readonly protocol: string;
  readonly source: string;
  readonly destination: string;
  readonly state: string;
  readonly isBad: boolean;
  /** Bytes of payload from the source, and to it. */
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** ms since its first packet, and since its last one. */
  readonly age: number;
  readonly idle: number;
}

/** Bytes that have passed in two directions. */
export interface Counters {
  readonly toGuest: number;
  readonly fromGuest: number;
}

/** The network at one moment. */
export interface Status {
  /** ms, comparable with others of the same network. */
  readonly time: number;
  /** Of each cable; those of the page are seen from its stack, those of `outside` from the guests. */
  readonly counters: Readonly<Record<EndName | 'outside', Counters>>;
  readonly leases: readonly Lease[];
  /** The newest first. */
  readonly flows: readonly Flow[];
}

/** A way out for the guests' connections. */
export type WayKind = 'none' | 'fetch' | 'wisp';

/** The way out, and the hosts that it is for. */
export interface OutsideSettings {
  readonly kind: WayKind;
  /** Of the Wisp server; '' for other kinds. */
  readonly url: string;
  /** Entries of a policy: names, *.name, addresses, CIDRs, each with a port or without. */
  readonly allowed: readonly string[];
}

/** A connection or a question that was refused, or a way out that failed. */
export interface Refusal {
  readonly guest: string;
  readonly host: string;
  readonly reason: string;
  /** Whether to allow the host would help. */
  readonly canAllow: boolean;
}

/** Calls of the network. */
export interface NetworkCalls {
  start(settings: { readonly mtu: number }): { readonly address: string; readonly mac: string };
  /** Plugs a guest in, in place of one of that name; its lease is forgotten. */
  plug(name: GuestName, cable: MessagePort): void;
  /** Settles when a guest has got an address since it was plugged in. */
  leased(name: GuestName): string;
  /** Gets a document, of at most 4 MB. */
  get(url: string): Document;
  /** Gets a document and throws it away; notices tell its progress. */
  measure(url: string): Moved;
  setCapture(on: boolean): void;
  /** Throws for a malformed entry or URL, and changes nothing then. */
  setOutside(settings: OutsideSettings): void;
}

/** Notices of the network. */
export type NetworkTold =
  | { readonly told: 'status'; readonly status: Status }
  | {
      readonly told: 'wire';
      readonly frames: readonly SeenFrame<EndName>[];
      readonly unseen: number;
    }
  | { readonly told: 'query'; readonly query: Query }
  | { readonly told: 'request'; readonly request: GuestRequest }
  | { readonly told: 'moved'; readonly moved: Moved }
  | { readonly told: 'refusal'; readonly refusal: Refusal };
