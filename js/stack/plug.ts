// SPDX-License-Identifier: MIT
// plug - joins the rings of two interfaces: a file of its own, loaded by the first wire (js/stack/wire.ts)

import { CMD_IFACE_WIRE, RING_DATA_DOORBELL } from '../abi.ts';
import type { Channel } from '../control/channel.ts';
import { newCommand } from '../control/commands.ts';
import type { FrameConsumer, FrameProducer } from '../ring.ts';
import { settlesWithin } from '../util/patience.ts';

/** ms that an engine may take to release a wire. */
const PATIENCE = 5000;

/** An interface as a wire needs it. */
export interface WireEnd {
  readonly handle: number;
  /** Offset of the ring that its stack fills. */
  readonly txRing: number;
  readonly channel: Channel;
  /** Largest frame it sends or takes. */
  readonly frameMax: number;
  tx(max?: number): FrameConsumer;
  rx(): FrameProducer;
  setListening(on: boolean): void;
  /** A wire has moved the positions of its rings. */
  unplugged(): void;
  /** Another thread has its ring and does not answer. */
  lose(): void;
}

/** Joins two interfaces; returns what unplugs the wire and settles when the rings are free again. */
async function plug(from: WireEnd, to: WireEnd): Promise<() => Promise<void>> {
  if (from.channel.arena.id !== to.channel.arena.id) return copyLoop(from, to);
  const wire = (ring: number): Promise<void> => {
    const command = newCommand(CMD_IFACE_WIRE, to.handle, undefined, ring);
    return to.channel.call(command, 'Cannot plug a wire', () => {});
  };
  await wire(from.txRing);
  return async () => {
    if (await isPulled(wire(0), from)) return;
    // The destination is gone, and its end of the wire with it. If its engine died, the ring still
    // has that engine's doorbell.
    const { arena, doorbell } = from.channel;
    if (!from.channel.closed) {
      Atomics.store(arena.i32, (from.txRing + RING_DATA_DOORBELL) >>> 2, doorbell);
    }
  };
}

/**
 * Waits until the destination releases the ring. One in another thread may be dead, which nobody tells: after some seconds
 * it counts as dead, and in case it only stood still, the memory of the ring is not used again.
 */
async function isPulled(pulling: Promise<void>, from: WireEnd): Promise<boolean> {
  let isDone = false;
  const done = pulling.then(
    () => {
      isDone = true;
    },
    () => {},
  );
  if (!(await settlesWithin(done, PATIENCE))) from.lose();
  return isDone;
}

/** Moves runs of records between two arenas after each turn of either side. */
function copyLoop(from: WireEnd, to: WireEnd): () => Promise<void> {
  const source = from.tx(to.frameMax);
  const sink = to.rx();
  const step = (): boolean => {
    const room = sink.reserveSpan();
    const at = sink.offset;
    const length = source.peekSpan(room);
    if (length === 0) return source.held > 0 && sink.wrap();
    const bytes = from.channel.arena.u8.subarray(source.offset, source.offset + length);
    to.channel.arena.u8.set(bytes, at);
    source.releaseSpan(length);
    sink.submitSpan(length);
    return true;
  };
  const move = (): void => {
    do {
      while (step()) {}
    } while (!(source.held > 0 ? sink.arm(1) : source.arm()));
    if (source.mustNotify()) from.channel.wake();
    if (sink.mustNotify()) to.channel.wake();
  };
  from.channel.addPoller(move);
  to.channel.addPoller(move);
  move();
  return async () => {
    from.channel.removePoller(move);
    to.channel.removePoller(move);
  };
}

/** Settles when a signal is aborted. */
function whenAborted(signal: AbortSignal | undefined): { promise: Promise<void>; stop(): void } {
  let stop = (): void => {};
  const promise = new Promise<void>((resolve) => {
    if (!signal) return;
    const onAbort = (): void => resolve();
    if (signal.aborted) resolve();
    signal.addEventListener('abort', onAbort);
    stop = () => signal.removeEventListener('abort', onAbort);
  });
  return { promise, stop };
}

/**
 * Plugs a wire, and pulls it when one of its streams ends.
 *
 * @param from - Interface whose frames it carries.
 * @param to - Interface that takes them.
 * @param ends - Settle when the streams end.
 * @param signal - Pulls it as well.
 * @throws {NetError} ENODEV, ESHUTDOWN.
 */
export async function join(
  from: WireEnd,
  to: WireEnd,
  ends: readonly Promise<unknown>[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const pull = await plug(from, to);
  const aborted = whenAborted(signal);
  const quiet = (): void => {};
  await Promise.race([...ends.map((end) => end.then(quiet, quiet)), aborted.promise]);
  aborted.stop();
  await pull();
}
