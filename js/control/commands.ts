// SPDX-License-Identifier: MIT
// commands - the app's side of the control plane: commands out, events in; twin: core/sock/sock.h
//
// Theory of operation
//
// Commands go into the command ring of a port, events come out of its event ring (core/abi.h). The app
// has one port, an object of another thread has its own. A command that has an answer carries an id;
// call() gives a promise for it. Commands for which the ring has no room wait in order in a list,
// bounded by the promises and streams that caused them, and follow when the engine has made room.
// drain() is called after each turn of an inline engine, else when the port's bell was rung; `wake`
// asks for a turn.
//
// Every promise settles: shutdown() rejects all calls and tells every socket.

import {
  ADDR_FAMILY,
  ADDR_PORT,
  ADDR_PREFIX,
  ADDR_SIZE,
  ADDR_ZONE,
  CMD_ABORT,
  CMD_HANDLE,
  CMD_ID,
  CMD_OP,
  CMD_RECALL,
  CMD_RELEASE,
  CMD_SIZE,
  CMD_SYNC,
  CMD_VALUE,
  EVENT_ACCEPT,
  EVENT_BITS,
  EVENT_ERROR,
  EVENT_HANDLE,
  EVENT_ID,
  EVENT_KIND,
  EVENT_PLACE,
  EVENT_RESULT,
  EVENT_SIZE,
  EVENT_SOCK,
  PORT_BELL,
  PORT_COMMANDS,
  PORT_EVENTS,
} from '../abi.ts';
import { NetError, netErrorFromCode } from '../errors.ts';
import type { SharedMemory } from '../memory/shared_memory.ts';
import { FrameConsumer, FrameProducer } from '../ring.ts';
import { pauseIfOverdue } from '../sched/scheduler.ts';
import type { IpAddress } from '../util/address.ts';

/** How long other threads may take to let go of what goes away, ms. */
const RECALL_PATIENCE = 1000;

/** What a command made. */
export interface Made {
  readonly handle: number;
  /** Offset of its struct sock or struct iface. */
  readonly place: number;
}

/** Who is told of a socket's events. */
export interface SocketEvents {
  /** bits: SOCK_*; error: a code of core/abi.h, with SOCK_CLOSED. */
  onEvent(bits: number, error: number): void;
  /** A listener has a new connection. */
  onAccept?(made: Made): void;
  /** The stack is gone: nothing more comes, and nothing in the arena may be touched. */
  onShutdown(error: NetError): void;
}

interface Call {
  readonly action: string;
  /** Runs before any later event is dispatched, so that no event of what was made is missed. */
  readonly made: (made: Made) => void;
  readonly failed: (error: NetError) => void;
}

/** Writes an address into a command. */
export function writeAddress(
  to: DataView,
  at: number,
  address: IpAddress,
  port = 0,
  prefix = 0,
  zone = 0,
): void {
  address.bytes.forEach((byte, i) => {
    to.setUint8(at + i, byte);
  });
  to.setUint16(at + ADDR_PORT, port, true);
  to.setUint8(at + ADDR_FAMILY, address.family);
  to.setUint8(at + ADDR_PREFIX, prefix);
  to.setUint32(at + ADDR_ZONE, zone, true);
}

/** Reads an address of the arena. */
export function readAddress(from: DataView, at: number): { address: IpAddress; port: number } {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = from.getUint8(at + i);
  const family = from.getUint8(at + ADDR_FAMILY) === 4 ? 4 : 6;
  return { address: { family, bytes }, port: from.getUint16(at + ADDR_PORT, true) };
}

/** Offset of the n-th of several addresses in a command. */
export function addressAt(first: number, n: number): number {
  return first + n * ADDR_SIZE;
}

/** The app's side of one stack's control plane. */
export class Control {
  readonly arena: SharedMemory;
  /** Asks the engine for a turn. */
  readonly wake: () => void;
  /** What to wait for before going on with what another thread's stack could have go on for ever. */
  readonly pause: () => Promise<void> | undefined;
  readonly #commands: FrameProducer;
  readonly #events: FrameConsumer;
  readonly #calls = new Map<number, Call>();
  readonly #sockets = new Map<number, SocketEvents>();
  readonly #pollers = new Set<() => void>();
  readonly #waiting: DataView<ArrayBuffer>[] = [];
  #done: (() => void) | undefined;
  #nextId = 1;
  #closed: NetError | undefined;

  /** port: offset of the struct port; isRemote: another thread turns the stack. */
  constructor(arena: SharedMemory, port: number, wake: () => void, isRemote: boolean) {
    this.arena = arena;
    this.pause = isRemote ? pauseIfOverdue : () => undefined;
    this.wake = wake;
    this.bell = port + PORT_BELL;
    this.#commands = new FrameProducer(arena, port + PORT_COMMANDS);
    this.#events = new FrameConsumer(arena, port + PORT_EVENTS, EVENT_SIZE);
  }

  /** Offset of the bell of this thread. */
  readonly bell: number;

  /** The error of a stack that is closed. */
  get closed(): NetError | undefined {
    return this.#closed;
  }

  /** Sends a command that has no answer. */
  send(op: number, handle: number, value = 0): void {
    if (this.#closed) return;
    if (this.#waiting.length === 0 && this.#commands.reserve(CMD_SIZE) === 1) {
      const { i32 } = this.arena;
      const at = this.#commands.offset;
      i32[(at + CMD_OP) >>> 2] = op;
      i32[(at + CMD_ID) >>> 2] = 0;
      i32[(at + CMD_HANDLE) >>> 2] = handle;
      i32[(at + CMD_VALUE) >>> 2] = value;
      this.#commands.submit(CMD_SIZE);
    } else {
      this.#waiting.push(this.#command(op, handle, value, CMD_SIZE));
    }
    this.wake();
  }

  /** A command to fill in for call(). */
  command(op: number, size: number = CMD_SIZE, handle = 0, value = 0): DataView<ArrayBuffer> {
    return this.#command(op, handle, value, size);
  }

  #command(op: number, handle: number, value: number, size: number): DataView<ArrayBuffer> {
    const command = new DataView(new ArrayBuffer(size));
    command.setUint32(CMD_OP, op, true);
    command.setUint32(CMD_HANDLE, handle, true);
    command.setUint32(CMD_VALUE, value, true);
    return command;
  }

  /**
   * Sends a command and waits for its answer. `made` maps what was made to the result at once, before
   * any event about it is dispatched.
   */
  call<T>(command: DataView<ArrayBuffer>, action: string, made: (made: Made) => T): Promise<T> {
    if (this.#closed) return Promise.reject(this.#closed);
    const id = this.#nextId;
    this.#nextId = (id % 0x7fffffff) + 1;
    command.setUint32(CMD_ID, id, true);
    return new Promise((resolve, reject) => {
      this.#calls.set(id, {
        action,
        made: (result) => resolve(made(result)),
        failed: reject,
      });
      this.#waiting.push(command);
      this.#submitWaiting();
      this.wake();
    });
  }

  /** Registers who is told of a handle's events. */
  register(handle: number, socket: SocketEvents): void {
    this.#sockets.set(handle, socket);
  }

  /** Forgets a handle. */
  unregister(handle: number): void {
    this.#sockets.delete(handle);
    this.#leave();
  }

  /** Has a function called after every turn, for rings that have a bell and no events. */
  addPoller(poll: () => void): void {
    this.#pollers.add(poll);
  }

  /** Stops calling it. */
  removePoller(poll: () => void): void {
    this.#pollers.delete(poll);
  }

  #submitWaiting(): void {
    let done = 0;
    for (const command of this.#waiting) {
      // The engine rings our bell, or drain() follows its turn, when there is room.
      while (this.#commands.reserve(command.byteLength) !== 1) {
        if (!this.#commands.arm(1)) continue;
        this.#waiting.splice(0, done);
        return;
      }
      const bytes = new Uint8Array(command.buffer);
      this.arena.copyIn(this.#commands.offset, bytes, 0, bytes.length);
      this.#commands.submit(bytes.length);
      done++;
    }
    this.#waiting.length = 0;
  }

  /** Dispatches what the engine had to tell. */
  drain(): void {
    const events = this.#dispatch();
    if (this.#closed) return;
    if (this.#waiting.length > 0) {
      this.#submitWaiting();
      this.wake();
    }
    // The engine may wait for room for its events.
    if (events > 0 && this.#events.mustNotify()) this.wake();
    for (const poll of this.#pollers) poll();
    this.#leave();
  }

  /** Dispatches all events there are, and asks to be told of more; returns how many. */
  #dispatch(): number {
    const { i32 } = this.arena;
    let events = 0;
    do {
      while (!this.#closed && this.#events.peek() >= 0) {
        const at = this.#events.offset >>> 2;
        const kind = i32[at + (EVENT_KIND >> 2)] ?? 0;
        const id = i32[at + (EVENT_ID >> 2)] ?? 0;
        const handle = i32[at + (EVENT_HANDLE >> 2)] ?? 0;
        const place = (i32[at + (EVENT_PLACE >> 2)] ?? 0) >>> 0;
        const bits = i32[at + (EVENT_BITS >> 2)] ?? 0;
        const error = i32[at + (EVENT_ERROR >> 2)] ?? 0;
        this.#events.release();
        events++;
        if (kind === EVENT_SOCK) this.#sockets.get(handle)?.onEvent(bits, error);
        else if (kind === EVENT_ACCEPT) this.#accept(id, { handle, place });
        else if (kind === EVENT_RESULT) this.#answer(id, error, { handle, place });
      }
    } while (!this.#closed && !this.#events.arm());
    return events;
  }

  /**
   * Asks other threads for an interface (0: for all they have), and waits for them to let go.
   *
   * @returns Whether they did, in time.
   */
  async recall(handle: number, isDone: () => boolean): Promise<boolean> {
    if (isDone()) return true;
    const command = this.command(CMD_RECALL, CMD_SIZE, handle);
    await this.call(command, 'Cannot reach the stack', () => {});
    return new Promise((resolve) => {
      const settle = (done: boolean): void => {
        clearTimeout(timer);
        this.removePoller(poll);
        resolve(done);
      };
      const timer = setTimeout(() => settle(false), RECALL_PATIENCE);
      const poll = (): void => {
        if (isDone()) settle(true);
      };
      this.addPoller(poll);
      poll();
    });
  }

  /** Settles when the engine has carried out everything sent before. */
  sync(): Promise<void> {
    return this.call(this.command(CMD_SYNC), 'Cannot reach the stack', () => {});
  }

  /**
   * Has a function called once, when all that was sent is submitted and no socket is left: from then on
   * nothing here touches the port.
   */
  whenDone(done: () => void): void {
    this.#done = done;
    this.#leave();
  }

  #leave(): void {
    if (!this.#done || this.#waiting.length > 0 || this.#sockets.size > 0) return;
    const done = this.#done;
    this.#done = undefined;
    this.#closed ??= new NetError('EBADF', 'Cannot use what was shared');
    done();
  }

  #accept(listener: number, made: Made): void {
    const socket = this.#sockets.get(listener);
    if (socket?.onAccept) {
      socket.onAccept(made);
    } else {
      // The listener was closed meanwhile.
      this.send(CMD_ABORT, made.handle);
      this.send(CMD_RELEASE, made.handle);
    }
  }

  #answer(id: number, error: number, made: Made): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error < 0) call?.failed(netErrorFromCode(error, call.action));
    else call?.made(made);
  }

  /** Resets all connections and closes all listeners, before the stack goes. */
  abortSockets(error: NetError): void {
    for (const [handle, socket] of [...this.#sockets]) {
      this.send(CMD_ABORT, handle);
      this.send(CMD_RELEASE, handle);
      socket.onShutdown(error);
    }
    this.#sockets.clear();
  }

  /** Settles everything: the stack is gone. */
  shutdown(error: NetError): void {
    if (this.#closed) return;
    this.#closed = error;
    for (const call of this.#calls.values()) {
      call.failed(new NetError(error.code, call.action, { cause: error }));
    }
    this.#calls.clear();
    for (const socket of this.#sockets.values()) socket.onShutdown(error);
    this.#sockets.clear();
    this.#pollers.clear();
    this.#waiting.length = 0;
    this.#leave();
  }
}
