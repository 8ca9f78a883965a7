// SPDX-License-Identifier: MIT
// connect - joins two endpoints
//
// Theory of operation
//
// Two interfaces of stacks are joined by pipeTo() of their streams: a wire, on which no frame passes
// through JavaScript (js/stack/wire.ts). Any two others are joined in their direct forms (js/link/plugs.ts):
// a lane for each direction passes every frame by one call. A link ends alike in both cases:
//
//   an end ends (an interface is removed, a socket is closed)   closed resolves
//   an end fails                                                closed rejects with its error
//   close(), or the signal is aborted                           closed resolves
//
// Each time both ends are unlocked as they are, so the end that is left can be joined again. If a receiver
// is full, the source waits. A source that cannot wait, for example a VM, drops frames and counts them.

import type { InterfaceStatistics } from '../api/interface.ts';
import { NetError } from '../errors.ts';
import { checkOptions, flag } from '../util/check.ts';
import { Deferred, handled } from '../util/deferred.ts';
import { signal } from './options.ts';
import { hasEnded, plugEndpoint } from './plugs.ts';
import { checkEndpoint, frameLimit, isInterface, isLocked, locked } from './shape.ts';
import type {
  FramePlug,
  FrameSink,
  LaneStatistics,
  Link,
  LinkEndpoint,
  LinkOptions,
  LinkStatistics,
} from './types.ts';

/** One direction: counts frames, and drops those that are too long. */
class Lane implements FrameSink {
  readonly #limit: number;
  readonly #opened = new Deferred();
  #target: FramePlug | undefined;
  #sink: FrameSink | undefined;
  #source: FramePlug | undefined;
  #isClosed = false;
  #frames = 0;
  #bytes = 0;
  #tooLong = 0;

  constructor(to: LinkEndpoint) {
    this.#limit = frameLimit(to);
  }

  open(source: FramePlug, target: FramePlug): void {
    this.#source = source;
    this.#target = target;
    this.#sink = target.sink;
    this.#opened.resolve();
  }

  close(): void {
    this.#isClosed = true;
    this.#opened.resolve();
  }

  send(frame: Uint8Array): boolean {
    if (this.#isClosed) return true;
    const { length } = frame;
    if (length > this.#limit) {
      this.#tooLong++;
      return true;
    }
    if (!this.#sink?.send(frame)) return false;
    this.#frames++;
    this.#bytes += length;
    return true;
  }

  async ready(): Promise<void> {
    await this.#opened.promise;
    if (!this.#isClosed) await this.#sink?.ready();
  }

  get statistics(): LaneStatistics {
    return {
      frames: this.#frames,
      bytes: this.#bytes,
      dropped: this.#source?.dropped ?? 0,
      bytesCopied: this.#target?.bytesCopied ?? 0,
      tooLong: this.#tooLong,
    };
  }
}

/** Two ends, joined in one of the two ways. */
interface Joint {
  /** As Link.closed; unplug() does not settle it. */
  readonly closed: Promise<void>;
  readonly statistics: LinkStatistics;
  /** Settles when both ends are free. */
  unplug(): Promise<void>;
}

/** Joins two endpoints in their direct forms. */
function joinDirectly(a: LinkEndpoint, b: LinkEndpoint): Joint {
  const aToB = new Lane(b);
  const bToA = new Lane(a);
  const plugA = plugEndpoint(a, aToB);
  let plugB: FramePlug;
  try {
    plugB = plugEndpoint(b, bToA);
  } catch (error) {
    plugA.unplug();
    throw error;
  }
  aToB.open(plugA, plugB);
  bToA.open(plugB, plugA);
  return {
    closed: Promise.race([plugA.closed, plugB.closed]),
    get statistics() {
      return { aToB: aToB.statistics, bToA: bToA.statistics };
    },
    async unplug() {
      aToB.close();
      bToA.close();
      plugA.unplug();
      plugB.unplug();
    },
  };
}

/** The frames that one interface has sent to another since earlier values of their counters. */
function sinceThen(
  from: InterfaceStatistics,
  to: InterfaceStatistics,
  fromBefore: InterfaceStatistics,
  toBefore: InterfaceStatistics,
): LaneStatistics {
  return {
    frames: (from.txPackets - fromBefore.txPackets) >>> 0,
    bytes: from.txBytes - fromBefore.txBytes,
    dropped: (from.lost - fromBefore.lost) >>> 0,
    bytesCopied: 0,
    tooLong: (to.invalid - toBefore.invalid) >>> 0,
  };
}

/** Whether a stream has come to its end; it must not be locked. */
async function isAtEnd(readable: ReadableStream<Uint8Array>): Promise<boolean> {
  const reader = readable.getReader();
  const isEnded = await hasEnded(reader);
  reader.releaseLock();
  return isEnded;
}

/** Joins two interfaces of stacks by a wire. */
function wire(
  a: LinkEndpoint & { readonly statistics: InterfaceStatistics },
  b: LinkEndpoint & { readonly statistics: InterfaceStatistics },
): Joint {
  if (isLocked(a) || isLocked(b)) throw locked();
  const stop = new AbortController();
  const before = [a.statistics, b.statistics] as const;
  const count = (): LinkStatistics => {
    const [nowA, nowB] = [a.statistics, b.statistics];
    return {
      aToB: sinceThen(nowA, nowB, before[0], before[1]),
      bToA: sinceThen(nowB, nowA, before[1], before[0]),
    };
  };
  let atEnd: LinkStatistics | undefined;
  const options = {
    signal: stop.signal,
    preventClose: true,
    preventAbort: true,
    preventCancel: true,
  };
  const pipes = [
    a.readable.pipeTo(b.writable, options),
    b.readable.pipeTo(a.writable, options),
  ] as const;
  const settled = Promise.allSettled(pipes);
  const closed = Promise.race(pipes).catch(async (error) => {
    if (stop.signal.aborted) return;
    stop.abort();
    await settled;
    // Removing an interface ends its readable and fails its writable: that is an end, no failure.
    if (!((await isAtEnd(a.readable)) || (await isAtEnd(b.readable)))) throw error;
  });
  return {
    closed,
    get statistics() {
      return atEnd ?? count();
    },
    async unplug() {
      atEnd ??= count();
      stop.abort();
      await Promise.allSettled([settled, closed]);
    },
  };
}

class JoinedLink implements Link {
  readonly closed: Promise<void>;
  readonly #joint: Joint;
  readonly #closing = new Deferred();

  constructor(joint: Joint, signal: AbortSignal | undefined) {
    this.#joint = joint;
    const onAbort = (): void => this.#closing.resolve();
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort);
    this.closed = Promise.race([joint.closed, this.#closing.promise]).finally(async () => {
      signal?.removeEventListener('abort', onAbort);
      await joint.unplug();
    });
    // An end has gone: no error of a program that only joined the two.
    handled(this.closed);
  }

  get statistics(): LinkStatistics {
    return this.#joint.statistics;
  }

  async close(): Promise<void> {
    this.#closing.resolve();
    await this.closed.catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Refuses two ends that do not understand each other. */
function check(a: LinkEndpoint, b: LinkEndpoint, options: LinkOptions): void {
  const action = 'Cannot connect the two endpoints';
  checkEndpoint(action, 'the first', a);
  checkEndpoint(action, 'the second', b);
  checkOptions(action, options, { allowMtuMismatch: flag, signal });
  if (a === b) throw new NetError('EINVAL', action, { reason: 'they are one and the same' });
  if (a.type !== undefined && b.type !== undefined && a.type !== b.type) {
    throw new NetError('EINVAL', action, { reason: `one is a ${a.type}, the other a ${b.type}` });
  }
  if (options.allowMtuMismatch || a.mtu === undefined || b.mtu === undefined) return;
  if (a.mtu === b.mtu) return;
  throw new NetError('EMSGSIZE', action, { reason: `their MTUs are ${a.mtu} and ${b.mtu}` });
}

/**
 * Joins two endpoints: frames from one go to the other. Two interfaces of one arena exchange frames without
 * a copy and without JavaScript; others in the fastest way that both offer.
 *
 * @param a - An interface, an adapter, or two streams.
 * @param b - Another one.
 * @param options - Whether their MTUs may differ, and a signal.
 * @returns The link.
 * @throws {NetError} EMSGSIZE if their MTUs differ, EINVAL if one has Ethernet frames and the other IP packets,
 *   if both are the same, or for a value that is no endpoint or no option.
 * @throws {TypeError} If a stream is locked.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { connect } from 'ringstack/link';
 *
 * const [client, server] = [await createStack(), await createStack()];
 * const link = connect(
 *   await client.createTapInterface({ ip: '192.168.1.1/24' }),
 *   await server.createTapInterface({ ip: '192.168.1.2/24' }),
 * );
 * const listener = await server.listenTcp({ port: 80 });
 * const connection = await client.connectTcp({ host: '192.168.1.2', port: 80 });
 * assert.equal((await listener.accept()).remotePort, connection.localPort);
 * assert.ok(link.statistics.aToB.frames > 0);
 * await client.close();
 * await link.closed; // an end is gone
 * await server.close();
 * ```
 */
export function connect(a: LinkEndpoint, b: LinkEndpoint, options: LinkOptions = {}): Link {
  check(a, b, options);
  const areInterfaces = isInterface(a) && isInterface(b);
  const joint = areInterfaces ? wire(a, b) : joinDirectly(a, b);
  return new JoinedLink(joint, options.signal);
}
