// SPDX-License-Identifier: MIT
// context - what the sockets and servers of one `net` share: the stack, names, ports, Node's own module
//
// Theory of operation
//
// A stack may be a promise: what needs it waits. Once it is there, all goes on at once, so commands reach the
// stack in the order of the calls of a program: listen() and the connect() after it, for example.
//
// Ports: listen(0) must know its port when it returns, and a stack tells it later. So the port is chosen here,
// from the dynamic ports, and not one that a socket of this module has. A port that another part of the program
// has in the stack is refused by it; then another is chosen, unless the program has read the first one.

import type { LookupFunction } from 'node:net';
import type { NetworkStack } from 'ringstack';

const FIRST = 49152;
const COUNT = 65536 - FIRST;

/** A stack, or one that is being created. */
export type StackSource = NetworkStack | Promise<NetworkStack>;

/** Classes of Node's own `net`, for pipes and files, where there is one. */
export interface NativeNet {
  readonly Socket: typeof import('node:net').Socket;
  readonly Server: typeof import('node:net').Server;
}

/** The shape of dns.lookup() that sockets use. */
export type Lookup = LookupFunction;

/** The state that the sockets and servers of one module share. */
export class NetContext {
  readonly lookup: Lookup;
  readonly native: NativeNet | undefined;
  /** Ports that sockets of this module listen on. */
  readonly listening = new Map<number, number>();
  /** Listeners that are being closed, by port. */
  readonly closing = new Map<number, Promise<unknown>>();
  #stack: NetworkStack | undefined;
  readonly #coming: Promise<NetworkStack>;

  constructor(source: StackSource, lookup: Lookup, native?: NativeNet) {
    this.lookup = lookup;
    this.native = native;
    this.#coming = Promise.resolve(source);
    if ('then' in source) {
      // Callers that wait for the stack report that there is none.
      this.#coming.then(
        (stack) => {
          this.#stack = stack;
        },
        () => {},
      );
    } else {
      this.#stack = source;
    }
  }

  /** Calls run() with the stack: now if it is there. failed() gets the error of run(), or why there is no stack. */
  withStack(
    run: (stack: NetworkStack) => Promise<unknown>,
    failed: (error: unknown) => void,
  ): void {
    const stack = this.#stack;
    if (stack) run(stack).catch(failed);
    else this.#coming.then(run).catch(failed);
  }

  /** A port that no server of this module has. */
  choosePort(): number {
    let port = FIRST + Math.floor(Math.random() * COUNT);
    while (this.listening.has(port) || this.closing.has(port))
      port = FIRST + ((port + 1 - FIRST) % COUNT);
    return port;
  }

  /** Counts a server at a port. */
  take(port: number): void {
    this.listening.set(port, (this.listening.get(port) ?? 0) + 1);
  }

  /** Undoes take(); the port is free when closed has settled. */
  free(port: number, closed: Promise<unknown>): void {
    const left = (this.listening.get(port) ?? 1) - 1;
    if (left > 0) this.listening.set(port, left);
    else this.listening.delete(port);
    const done = closed
      .catch(() => {})
      .then(() => {
        if (this.closing.get(port) === done) this.closing.delete(port);
      });
    this.closing.set(port, done);
  }
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Whether an address is an IPv4 address written as an IPv6 one. */
export const isMapped = (address: string): boolean => MAPPED.test(address);

/** An address to connect to as a stack takes it: no address is this host, as in Linux. */
export function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '::1';
  return MAPPED.exec(address)?.[1] ?? address;
}

/** An IPv4 address as a socket of IPv6 shows it. */
export const mapped = (address: string): string =>
  address.includes(':') ? address : `::ffff:${address}`;

/** Address, family and port, as address() of sockets and servers gives them. */
export interface NodeAddress {
  address: string;
  family: 'IPv4' | 'IPv6';
  port: number;
}

/** An address of a socket. */
export function nodeAddress(address: string, port: number): NodeAddress {
  return { address, family: address.includes(':') ? 'IPv6' : 'IPv4', port };
}
