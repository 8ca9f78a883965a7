// SPDX-License-Identifier: MIT
// ports - sockets that are bound when the call returns, although the stack opens them later
//
// Theory of operation
//
// listen() of Deno is synchronous: it throws AddrInUse at once, and knows its port. A stack opens sockets later. So a
// table of each stack has the ports of all sockets that were made here, with the stack's own rules of which addresses
// meet; a port 0 is chosen here, from ports that the stack itself gives to nobody. The stack is asked at once, before
// the call returns: a connect() that follows reaches the listener.
//
// A port that another part of the program has in the stack is refused later, when the stack opens the socket. Then
// another one is chosen, unless the program gave the port or has seen it: `opened` rejects.
//
// A socket that is closed while the stack opens it is closed when it is open; another one for its port waits for that.

import { NetError } from '../../errors.ts';
import { unref } from '../../util/process.ts';
import { badResource, systemError } from './errors.ts';

/** Tries to find a port that no other part of the program has. */
const TRIES = 20;
const ANY_4 = '0.0.0.0';
const ANY_6 = '::';

/** A socket of a stack. */
export interface Openable {
  close(): Promise<void>;
  unref(): unknown;
}

/** The address of a socket that is bound. */
export interface Claim {
  /** Numeric; `0.0.0.0`: all of IPv4, `::`: all. */
  readonly host: string;
  port: number;
  /** Others may have the port if they say so as well. */
  readonly isShared: boolean;
}

/** Whether one of two addresses has the other. */
function meet(one: string, other: string): boolean {
  const covers = (host: string, some: string): boolean =>
    host === ANY_6 || host === some || (host === ANY_4 && !some.includes(':'));
  return covers(one, other) || covers(other, one);
}

/** The ports of one protocol of a stack. */
export class Ports {
  readonly #first: number;
  readonly #count: number;
  readonly #claims = new Set<Claim>();
  /** Sockets that are being closed, by port. */
  readonly #closing = new Map<number, Promise<unknown>>();

  /** first, count: the ports to choose from. */
  constructor(first: number, count: number) {
    this.#first = first;
    this.#count = count;
  }

  #isTaken(claim: Claim): boolean {
    for (const other of this.#claims) {
      if (other === claim || other.port !== claim.port || !meet(other.host, claim.host)) continue;
      if (!other.isShared || !claim.isShared) return true;
    }
    return false;
  }

  /** Takes a port for a socket; throws AddrInUse, or AddrNotAvailable if none is free. */
  take(claim: Claim): void {
    if (claim.port === 0) this.choose(claim);
    else if (this.#isTaken(claim)) throw systemError('EADDRINUSE');
    this.#claims.add(claim);
  }

  /** Gives a socket another port; throws AddrNotAvailable if none is free. */
  choose(claim: Claim): void {
    const start = Math.floor(Math.random() * this.#count);
    for (let n = 0; n < this.#count; n++) {
      claim.port = this.#first + ((start + n) % this.#count);
      if (!this.#isTaken(claim) && !this.#closing.has(claim.port)) return;
    }
    throw systemError('EADDRNOTAVAIL');
  }

  /** Frees the port of a socket, which is closed when closed has settled. */
  free(claim: Claim, closed?: Promise<unknown>): void {
    this.#claims.delete(claim);
    if (!closed) return;
    const { port } = claim;
    const done = Promise.allSettled([closed, this.#closing.get(port)]).then(() => {
      if (this.#closing.get(port) === done) this.#closing.delete(port);
    });
    this.#closing.set(port, done);
  }

  /** Settles when no socket of a port is being closed; undefined: none is. */
  whenFree(port: number): Promise<unknown> | undefined {
    return this.#closing.get(port);
  }
}

/** Ports of the stacks: those for TCP above the ones that a stack connects from, those for UDP below. */
const tables = new WeakMap<object, { tcp: Ports; udp: Ports }>();

/** The ports of a stack. */
export function portsOf(stack: object): { tcp: Ports; udp: Ports } {
  let found = tables.get(stack);
  if (!found) {
    found = { tcp: new Ports(61_000, 4536), udp: new Ports(32_768, 16_384) };
    tables.set(stack, found);
  }
  return found;
}

/** A socket that is bound, and opened by its stack. */
export class Bound<T extends Openable> {
  /** The socket of the stack, unref()ed; rejects if the stack refuses it, or it was closed before. */
  readonly opened: Promise<T>;
  readonly #ports: Ports;
  readonly #claim: Claim;
  /** The port was chosen here, and the program has not seen it. */
  #isChangeable: boolean;
  #isClosed = false;
  #socket: T | undefined;

  /**
   * Takes the address, and has the stack open the socket.
   *
   * @param ports - Of the stack.
   * @param claim - The address.
   * @param open - Opens a socket at a port.
   * @throws AddrInUse, AddrNotAvailable.
   */
  constructor(ports: Ports, claim: Claim, open: (port: number) => Promise<T>) {
    this.#ports = ports;
    this.#claim = claim;
    this.#isChangeable = claim.port === 0;
    ports.take(claim);
    this.opened = this.#open(open);
    this.opened.catch(() => {});
  }

  async #open(open: (port: number) => Promise<T>): Promise<T> {
    for (let tries = TRIES; ; tries--) {
      const { port } = this.#claim;
      const before = this.#ports.whenFree(port);
      if (before) await before;
      if (this.#isClosed) throw badResource();
      try {
        const socket = await open(port);
        unref(socket);
        this.#socket = socket;
        return socket;
      } catch (error) {
        const isTaken = error instanceof NetError && error.code === 'EADDRINUSE';
        if (!isTaken || !this.#isChangeable || tries === 0) throw error;
        this.#ports.choose(this.#claim);
      }
    }
  }

  /** Its port, which does not change from now on. */
  get port(): number {
    this.#isChangeable = false;
    return this.#claim.port;
  }

  /** Closes the socket, and frees its port. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#socket) {
      // The stack is told at once, before it is asked for another socket at the port.
      this.#ports.free(this.#claim);
      void this.#socket.close();
    } else {
      this.#ports.free(
        this.#claim,
        this.opened.then((socket) => socket.close()),
      );
    }
  }
}
