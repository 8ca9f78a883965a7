// SPDX-License-Identifier: MIT
// messages - the messages between the page of the VM and its worker (worker_client.ts)
//
// The worker is the machine: the emulator, the stack at the other end of its cable, the web server on it.

import type { SeenFrame } from '../packets/seen.ts';

/** Addresses of the two ends. */
export const ADDRESS = { page: '192.168.1.1', guest: '192.168.1.2' } as const;

/** A file of the built page. */
export interface GuestFile {
  /** Relative to the page. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** guest/guest.json, which tools/page/vm_demo.mjs writes. */
export interface GuestList {
  /** The prompt of the shell. */
  readonly prompt: string;
  readonly files: Readonly<Record<'kernel' | 'initrd' | 'bios' | 'vgaBios', GuestFile>>;
  readonly cards: Readonly<Record<string, GuestCard>>;
}

/** A network card of the guest. */
export interface GuestCard {
  /** Options of the emulator. */
  readonly options: object;
  /** The state of a guest that has booted with it, compressed by zstd. */
  readonly state: GuestFile;
  /** Output of that guest on its console. */
  readonly console: string;
}

/** How a machine is started. */
export interface StartSettings {
  readonly card: string;
  /** From a saved state, or by booting. */
  readonly how: 'state' | 'boot';
}

/** A machine that takes commands. */
export interface Started {
  /** Whether the files came out of the browser's cache. */
  readonly isCached: boolean;
  readonly mtu: number;
  readonly mac: string;
}

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

/** A request of the guest, as far as it has come. */
export interface GuestRequest {
  readonly id: number;
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

/** Counters of the interface. */
export interface CableCounters {
  /** Time, ms; comparable with others of the same machine. */
  readonly time: number;
  readonly toGuest: number;
  readonly fromGuest: number;
}

/** Calls of the machine. */
export interface Calls {
  start(settings: StartSettings): Started;
  /** Types into the console. */
  type(text: string): void;
  /** Gets a document, of at most 4 MB. */
  get(url: string): Document;
  /** Gets a document and throws it away; notices tell its progress. */
  measure(url: string): Moved;
  setCapture(on: boolean): void;
}

/** Notices of the machine. */
export type Told =
  | {
      readonly told: 'step';
      readonly what: string;
      readonly done?: number;
      readonly total?: number;
    }
  | { readonly told: 'console'; readonly text: string; readonly isOld?: boolean }
  | { readonly told: 'counters'; readonly counters: CableCounters }
  | { readonly told: 'wire'; readonly frames: SeenFrame[]; readonly unseen: number }
  | { readonly told: 'request'; readonly request: GuestRequest }
  | { readonly told: 'moved'; readonly moved: Moved };
