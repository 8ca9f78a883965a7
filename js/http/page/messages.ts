// SPDX-License-Identifier: MIT
// messages - what a page and its service worker say to each other, and the ports they say it by
//
// A page that bridges posts `serve` to the worker, with a port. By that port the worker answers `ready`, and
// posts a message with another port for each request. The first message on that one is its reply.

/** Both sides compare it: a page may meet a worker of an older version of the package. */
export const VERSION = 1;

/** Paths below a scope that the worker answers itself. */
export const RESERVED = '~ringstack/';

/** Page to worker: serves a scope from now on; by its port. */
export interface ServeMessage {
  readonly ringstack: 'serve';
  readonly version: number;
  /** Path that begins and ends with a slash. */
  readonly scope: string;
  /** Origin of the server. */
  readonly target: string;
  /** Name of a lock that the page holds while it lives. */
  readonly lock: string;
  /** Whether documents need what lets an isolated page frame them. */
  readonly isIsolated: boolean;
  /** Whether documents get the script that gives them WebSockets and cookies of the server. */
  readonly injects: boolean;
}

/** A framed document to the worker: its port is for the page. */
export interface FrameMessage {
  readonly ringstack: 'frame';
  readonly scope: string;
}

/** Page to worker, so that it is not stopped while bodies are on their way. */
export interface AliveMessage {
  readonly ringstack: 'alive';
}

/** Worker to all pages, when it has started: do they serve? */
export interface AskMessage {
  readonly ringstack: 'ask';
}

/** Messages that the worker gets outside of ports. */
export type ToWorker = ServeMessage | FrameMessage | AliveMessage;

/** Page to worker, by the port of `serve`. */
export interface ByPage {
  readonly type: 'close';
}

/** Worker to page, by the port of `serve`; `request`, `cookies` and `frame` come with a port. */
export type ByWorker =
  | {
      readonly type: 'ready';
      readonly version: number;
      /** Name of a lock that the worker holds while it lives. */
      readonly lock: string;
    }
  | { readonly type: 'request'; readonly request: BridgedRequest }
  | { readonly type: 'cookies'; readonly path: string }
  | { readonly type: 'frame' }
  | { readonly type: 'closed' };

/** A request on its way to the server. */
export interface BridgedRequest {
  readonly method: string;
  /** Path and query at the server. */
  readonly path: string;
  readonly headers: readonly [string, string][];
  /** The server's URL of the document that asks; '': not told. */
  readonly referrer: string;
  /** Bytes, or the port of a stream. */
  readonly body: Uint8Array | MessagePort | null;
}

/** First message on the port of a request. */
export type BridgedReply =
  | {
      readonly status: number;
      readonly statusText: string;
      readonly headers: readonly [string, string][];
      readonly body: MessagePort | null;
    }
  | {
      /** Why there is no response. */
      readonly error: string;
    };

/** The settings that a framed document is given. */
export interface FrameConfig {
  readonly scope: string;
  readonly target: string;
  /** Of the page. */
  readonly lock: string;
  /** Cookies that its scripts may see. */
  readonly cookies: string;
}

/** Framed document to page. A socket comes with a port of its own. */
export type ByFrame =
  | {
      readonly type: 'hello';
      /** Path of the document at the server. */
      readonly path: string;
    }
  | { readonly type: 'cookie'; readonly text: string }
  | { readonly type: 'bye' }
  | {
      readonly type: 'socket';
      /** Path and query at the server. */
      readonly path: string;
      readonly protocols: string[];
      /** Name of a lock that the document holds while it lives. */
      readonly lock: string;
    };

/** Page to framed document: cookies that its scripts may see. */
export interface ToFrame {
  readonly cookies: string;
}

/** On the port of a socket, to the page. */
export type SocketAction =
  | { readonly type: 'send'; readonly data: string | ArrayBuffer | Blob }
  | {
      readonly type: 'close';
      readonly code?: number | undefined;
      readonly reason?: string | undefined;
    };

/** On the port of a socket, to the document. */
export type SocketNews =
  | { readonly type: 'open'; readonly protocol: string; readonly extensions: string }
  | { readonly type: 'message'; readonly data: string | ArrayBuffer }
  | {
      readonly type: 'buffered';
      /** Bytes of `send` that have come here. */
      readonly received: number;
      /** Bytes of them that the connection has not taken. */
      readonly amount: number;
    }
  | { readonly type: 'error'; readonly message: string }
  | {
      readonly type: 'close';
      readonly code: number;
      readonly reason: string;
      readonly wasClean: boolean;
    };
