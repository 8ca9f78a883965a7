// SPDX-License-Identifier: MIT
// net - stacks, wires and connections for tests; what a test opens here is closed when it ends

import type {
  InterfaceOptions,
  NetworkStack,
  StackOptions,
  TapInterface,
  TcpConnection,
  TcpConnectOptions,
  TcpListener,
  TcpListenOptions,
} from 'ringstack';
import { createStack, NetError } from 'ringstack';
import { onTestFinished } from 'vitest';
import { ENGINE, nextRound } from './runtime.ts';

/** Reads nothing of an outcome: for promises whose rejection is not what a test is about. */
export const ignore = (): void => {};

/** Stacks of the running test. */
const open = new Set<NetworkStack>();

/** A stack that is closed when the running test ends. */
export async function openStack(options?: StackOptions): Promise<NetworkStack> {
  // Not to wait, at the end of a test, for peers that it has left.
  const stack = await createStack({ engine: ENGINE, linger: 0, ...options });
  open.add(stack);
  onTestFinished(() => void open.delete(stack));
  onTestFinished(() => stack.close());
  return stack;
}

/** Two stacks, each with a tap interface. */
export interface Pair {
  readonly a: NetworkStack;
  readonly b: NetworkStack;
  readonly tapA: TapInterface;
  readonly tapB: TapInterface;
}

/** Addresses of the two ends of a pair, by family. */
export const ENDS = {
  4: { a: '10.0.0.1', b: '10.0.0.2' },
  6: { a: 'fd00::1', b: 'fd00::2' },
} as const;

/** Options of a pair. */
export interface PairOptions {
  readonly stack?: StackOptions;
  /** Of stack b, where it differs. */
  readonly stackB?: StackOptions;
  readonly tap?: InterfaceOptions;
}

/** Two stacks whose taps are not joined yet. */
export async function openPair(options: PairOptions = {}): Promise<Pair> {
  const a = await openStack({ initializeLoopback: false, ...options.stack });
  const b = await openStack({ initializeLoopback: false, ...options.stack, ...options.stackB });
  const tapA = await a.createTapInterface({
    ip: [`${ENDS[4].a}/24`, `${ENDS[6].a}/64`],
    ...options.tap,
  });
  const tapB = await b.createTapInterface({
    ip: [`${ENDS[4].b}/24`, `${ENDS[6].b}/64`],
    ...options.tap,
  });
  return { a, b, tapA, tapB };
}

/** Joins two taps both ways. */
export function plug(one: TapInterface, other: TapInterface, options?: StreamPipeOptions): void {
  one.readable.pipeTo(other.writable, options).catch(ignore);
  other.readable.pipeTo(one.writable, options).catch(ignore);
}

/** Two stacks joined by a wire. */
export async function wiredPair(options?: PairOptions): Promise<Pair> {
  const pair = await openPair(options);
  plug(pair.tapA, pair.tapB);
  return pair;
}

/** Two stacks joined at fe80::a and fe80::b: the zone of each interface is 1. */
export async function linkLocalPair(): Promise<Pair> {
  const a = await openStack({ initializeLoopback: false });
  const b = await openStack({ initializeLoopback: false });
  const tapA = await a.createTapInterface({ ip: 'fe80::a/64' });
  const tapB = await b.createTapInterface({ ip: 'fe80::b/64' });
  plug(tapA, tapB);
  return { a, b, tapA, tapB };
}

/** The two ends of a connection. */
export interface Ends {
  readonly client: TcpConnection;
  readonly server: TcpConnection;
  readonly listener: TcpListener;
}

/** Options for opening a connection. */
export interface EndsOptions {
  readonly host?: string;
  readonly connect?: Partial<TcpConnectOptions>;
  readonly listen?: Partial<TcpListenOptions>;
}

/** Connects one stack to a listener of another, and takes the connection there. */
export async function connectEnds(
  from: NetworkStack,
  to: NetworkStack,
  options: EndsOptions = {},
): Promise<Ends> {
  const { host = ENDS[4].b } = options;
  const listener = await to.listenTcp({ port: 0, ...options.listen });
  const [client, server] = await Promise.all([
    from.connectTcp({ host, port: listener.port, ...options.connect }),
    listener.accept(),
  ]);
  return { client, server, listener };
}

/** A connection between two wired stacks. */
export async function wiredEnds(options: PairOptions & EndsOptions = {}): Promise<Ends & Pair> {
  const pair = await wiredPair(options);
  return { ...pair, ...(await connectEnds(pair.a, pair.b, options)) };
}

/** A connection of a stack to itself. */
export async function loopbackEnds(options: EndsOptions = {}): Promise<Ends> {
  const stack = await openStack();
  return connectEnds(stack, stack, { host: '127.0.0.1', ...options });
}

/** Reads a stream to its end. */
export async function readAll(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return readUpTo(readable, Number.POSITIVE_INFINITY);
}

/** Reads until so many bytes have come or the stream ends, and unlocks it. */
export async function readUpTo(
  readable: ReadableStream<Uint8Array>,
  most: number,
): Promise<Uint8Array> {
  const reader = readable.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < most) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
  }
  reader.releaseLock();
  return concat(chunks);
}

/** One chunk of many. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Writes one chunk and unlocks the stream. */
export async function send(writable: WritableStream<Uint8Array>, chunk: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  try {
    await writer.write(chunk);
  } finally {
    writer.releaseLock();
  }
}

/** Text as bytes. */
export const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Bytes as text. */
export const text = (chunk: Uint8Array): string => new TextDecoder().decode(chunk);

/** How a promise ended: the code of a NetError, the name of another error, or 'ok'. */
export async function outcome(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    return error instanceof NetError ? error.code : (error as Error).name;
  }
}

/** The error of a call, as outcome() reports it. */
export const thrown = (call: () => unknown): Promise<string> => outcome((async () => call())());

/** Rejects, saying what is stuck, when a promise takes too long. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const watchdog = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Stuck for ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, watchdog]);
  } finally {
    clearTimeout(timer);
  }
}

/** Counters that change when a stack does anything except wait; its timers make it turn too. */
const busyness = (): string =>
  [...open].map(({ statistics: s }) => [s.tcpRxSegments, s.tcpTxSegments, s.sockets]).join();

/**
 * Lets the event loop go round, so that whatever can happen without waiting has happened. Stacks in
 * threads of their own have done it when they have sent and received nothing for a while.
 */
export async function settle(rounds = 20): Promise<void> {
  for (let n = 0; n < rounds; n++) await nextRound();
  if (ENGINE === 'inline') return;
  for (let still = 0, before = busyness(); still < 10; still++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    const now = busyness();
    if (now !== before) still = -1;
    before = now;
  }
}

/** Waits until a condition holds; the test's own timeout bounds it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

const realNow = performance.now.bind(performance);
let offset = 0;

/**
 * Moves the clock of all stacks of this thread on by so many ms, in steps, and has the given ones live
 * through each. Timers of JavaScript, such as the timeout of connectTcp(), do not see it. It stays moved on
 * for the rest of the file: time never goes back.
 */
export async function passTime(ms: number, stacks: NetworkStack[], step = 200): Promise<void> {
  performance.now = () => realNow() + offset;
  for (let passed = 0; passed < ms; passed += step) {
    offset += step;
    await Promise.all(stacks.map(turn));
  }
}

/** Has a stack turn, by a command that comes to nothing. */
export async function turn(stack: NetworkStack): Promise<void> {
  await stack.listenTcp({ host: '203.0.113.1', port: 1 }).catch(ignore);
}
