// SPDX-License-Identifier: MIT
// tftp_types - public types of the TFTP server

/** A value, or a promise of one. */
export type MaybePromise<T> = T | Promise<T>;

/** A request for a file. */
export interface TftpRequest {
  /** Name of the file: without a slash in front, and without `..`. */
  readonly file: string;
  /** The client. */
  readonly remote: {
    /** Its address. */
    readonly host: string;
    /** Its port. */
    readonly port: number;
  };
  /** Aborted when the client gives up. */
  readonly signal: AbortSignal;
}

/** Files by name, or a function that finds one; undefined: there is none. */
export type TftpFiles =
  | Readonly<Record<string, Uint8Array | string>>
  | ReadonlyMap<string, Uint8Array | string>
  | ((request: TftpRequest) => MaybePromise<Uint8Array | string | undefined>);

/** Options of serveTftp(). */
export interface TftpServerOptions {
  /** The files that can be read. */
  readonly files: TftpFiles;
  /** Address to bind to. @default all */
  readonly host?: string;
  /** Port, 0 to 65535. @default 69 */
  readonly port?: number;
  /** Largest block that a client gets if it asks for it, bytes, 512 to 65464. @default 1448, which fits a packet */
  readonly maxBlockSize?: number;
  /** Most blocks that are sent before an answer if a client asks for it, 1 to 256. @default 16 */
  readonly maxWindowSize?: number;
  /** Transfers at a time, 1 to 10000. @default 64 */
  readonly maxTransfers?: number;
  /** Of one host, 1 to 10000. @default 8 */
  readonly maxPerClient?: number;
  /** Requests a second, 1 to 100000. @default 100 */
  readonly maxRate?: number;
  /** Time before a block is sent again if the client does not say, ms, 10 to 255000. @default 1000 */
  readonly timeout?: number;
  /** Tells how each transfer ended. */
  readonly log?: (entry: TftpLogEntry) => void;
}

/** The end of a transfer. */
export interface TftpLogEntry {
  /** Name of the file, as the client asked for it. */
  readonly file: string;
  /** Address of the client. */
  readonly host: string;
  /** Bytes of it that were sent and acknowledged. */
  readonly bytes: number;
  /** `done`, `missing`: there is no such file, `refused`, `timeout`, `aborted`: by client or close(), `failed`. */
  readonly outcome: 'done' | 'missing' | 'refused' | 'timeout' | 'aborted' | 'failed';
}

/** Counters of a TFTP server. */
export interface TftpServerStatistics {
  /** Requests that were taken. */
  requests: number;
  /** Transfers that run. */
  active: number;
  /** Files that were sent to their end. */
  completed: number;
  /** Transfers that ended in any other way. */
  failed: number;
  /** Blocks that were sent again. */
  retransmitted: number;
  /** Packets that are malformed, or no request. */
  droppedMalformed: number;
  /** Requests beyond a limit. */
  droppedLimit: number;
  /** Packets of a transfer that come from another host or port. */
  droppedForeign: number;
}
