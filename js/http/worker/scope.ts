// SPDX-License-Identifier: MIT
// scope - the globals of a service worker, as far as they are used: TypeScript's own do not go with a page's

/** A page, a frame or a thread that the worker serves. */
export interface Client {
  readonly id: string;
  readonly url: string;
  readonly type: string;
  readonly focused?: boolean;
  readonly visibilityState?: string;
  postMessage(message: unknown): void;
}

/** An event that the worker lives for. */
export interface ExtendableEvent extends Event {
  waitUntil(promise: Promise<unknown>): void;
}

/** A request of a client. */
export interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  /** '' for most navigations. */
  readonly clientId: string;
  /** Of the document that a navigation makes. */
  readonly resultingClientId: string;
  respondWith(response: Promise<Response>): void;
}

/** A message of a client. */
export interface ClientMessage extends ExtendableEvent {
  readonly data: unknown;
  readonly source: Client | null;
  readonly ports: readonly MessagePort[];
}

interface Events {
  install: ExtendableEvent;
  activate: ExtendableEvent;
  fetch: FetchEvent;
  message: ClientMessage;
}

/** The global object. */
export interface WorkerScope {
  readonly location: { readonly origin: string };
  readonly clients: {
    claim(): Promise<void>;
    get(id: string): Promise<Client | undefined>;
    matchAll(options: { includeUncontrolled: boolean; type: string }): Promise<readonly Client[]>;
  };
  skipWaiting(): Promise<void>;
  addEventListener<Type extends keyof Events>(
    type: Type,
    listener: (event: Events[Type]) => void,
  ): void;
}
