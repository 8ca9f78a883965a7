// SPDX-License-Identifier: MIT
// channel - the app's end of a channel: commands out, events in; twin: core/channel.c
//
// Theory of operation
//
// A channel is the pair of rings between one thread and the engine of a stack: commands go in, events
// come out (core/abi.h). The thread that created the stack has one, and so has each object that was
// handed to another thread (js/control/handover.ts). A command that has an answer carries an id; call()
// gives a promise for it. Commands for which the ring has no room wait in order in a list, bounded by
// the promises and streams that caused them, and follow when the engine has made room.
//
// drain() is called after each turn of an inline engine, else when the channel's doorbell was rung; `wake`
// asks for a turn.
//
// Every promise settles: shutdown() rejects all calls and tells every socket.
//
// The process stays alive while a call waits for its answer, and while there is a socket; a program may say by ref()
// that one does not count (js/util/process.ts).

import {
  ABI_VERSION,
  CHANNEL_COMMANDS,
  CHANNEL_DOORBELL,
  CHANNEL_EVENTS,
  CMD_ABORT,
  CMD_FINISH,
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
  EVENT_OFFSET,
  EVENT_RESULT,
  EVENT_SIZE,
  EVENT_SOCK,
} from '../abi.ts';
import { atCaller, NetError, netErrorFromCode } from '../errors.ts';
import type { SharedMemory } from '../memory/shared_memory.ts';
import { FrameConsumer, FrameProducer } from '../ring.ts';
import { pauseIfOverdue } from '../sched/scheduler.ts';
import { INT32_MAX } from '../util/check.ts';
import { Hold } from '../util/process.ts';
import { type Command, newCommand } from './commands.ts';
import type { ChannelHandle, Made, SocketEvents } from './events.ts';

/** ms that other threads may take to release what is recalled. */
const RECALL_PATIENCE = 1000;

const REACH = 'Cannot reach the stack';

interface Call {
  readonly action: string;
  /** Runs before any later event is dispatched, so that no event of what was made is missed. */
  readonly made: (made: Made) => void;
  readonly failed: (error: NetError) => void;
}

/** The app's end of a channel. */
export class Channel {
  readonly arena: SharedMemory;
  /** Asks the engine for a turn. */
  readonly wake: () => void;
  /** A promise to wait for before a loop goes on that a stack in another thread may never block. */
  readonly pause: () => Promise<void> | undefined;
  readonly #commands: FrameProducer;
  readonly #events: FrameConsumer;
  readonly #calls = new Map<number, Call>();
  readonly #sockets = new Map<number, SocketEvents>();
  /** Handles of the sockets that keep the process alive. */
  readonly #refs = new Set<number>();
  readonly #hold = new Hold();
  readonly #pollers = new Set<() => void>();
  readonly #waiting: Command[] = [];
  #done: (() => void) | undefined;
  #nextId = 1;
  /** Set while the stack closes: nothing new is made. */
  #ending: NetError | undefined;
  #closed: NetError | undefined;

  /** A thread that does not answer may still use memory of the stack. */
  isLost = false;

  /** The zone of an interface, by its handle; a thread that has no stack knows none. */
  zoneOf: (iface: number) => string | undefined = () => undefined;

  /** offset: that of the channel's struct; isRemote: another thread turns the stack. */
  constructor(arena: SharedMemory, offset: number, wake: () => void, isRemote: boolean) {
    this.arena = arena;
    this.pause = isRemote ? pauseIfOverdue : () => undefined;
    this.wake = wake;
    this.doorbell = offset + CHANNEL_DOORBELL;
    this.#commands = new FrameProducer(arena, offset + CHANNEL_COMMANDS);
    this.#events = new FrameConsumer(arena, offset + CHANNEL_EVENTS, EVENT_SIZE);
  }

  /** Offset of this thread's doorbell. */
  readonly doorbell: number;

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
      this.#waiting.push(newCommand(op, handle, CMD_SIZE, value));
    }
    this.wake();
  }

  /** Sends a command that has no answer and is more than send() writes. */
  post(command: Command): void {
    if (this.#closed) return;
    this.#waiting.push(command);
    this.#submitWaiting();
    this.wake();
  }

  /**
   * Sends a command and waits for its answer. `made` maps what was made to the result at once, before
   * any event about it is dispatched.
   */
  call<T>(command: Command, action: string, made: (made: Made) => T): Promise<T> {
    if (this.#ending) return Promise.reject(this.#ending);
    return this.#call(command, action, (result) => {
      const value = made(result);
      // It was asked for before the stack began to close.
      if (this.#ending) this.#abort(result.handle, this.#ending);
      return value;
    });
  }

  async #call<T>(command: Command, action: string, made: (made: Made) => T): Promise<T> {
    if (this.#closed) throw this.#closed;
    const id = this.#nextId;
    this.#nextId = (id % INT32_MAX) + 1;
    command.setUint32(CMD_ID, id, true);
    const answer = new Promise<T>((resolve, reject) => {
      this.#calls.set(id, {
        action,
        made: (result) => resolve(made(result)),
        failed: reject,
      });
      this.#updateHold();
      this.#waiting.push(command);
      this.#submitWaiting();
      this.wake();
    });
    try {
      return await answer;
    } catch (error) {
      throw atCaller(error);
    }
  }

  /**
   * Has C give an object a channel of its own, for another thread (js/control/handover.ts).
   *
   * @param op - CMD_SHARE_SOCK or CMD_SHARE_IFACE.
   * @param handle - Of the object.
   * @param action - First half of error messages.
   * @param shared - Runs as soon as it is done: from then on the object is not used here.
   * @returns The contents of a handle.
   * @throws {NetError} ENOMEM, EBADF, EINVAL, ESHUTDOWN.
   */
  offer(op: number, handle: number, action: string, shared: () => void): Promise<ChannelHandle> {
    const { memory, id } = this.arena;
    this.arena.markShared();
    return this.call(newCommand(op, handle), action, (made) => {
      shared();
      return { version: ABI_VERSION, memory, id, channel: made.offset, key: made.handle };
    });
  }

  /** Sends the events of a handle to an object, which keeps the process alive. */
  register(handle: number, socket: SocketEvents): void {
    this.#sockets.set(handle, socket);
    this.ref(handle, true);
  }

  /** Says whether the object of a handle keeps the process alive. */
  ref(handle: number, isRefed: boolean): void {
    if (isRefed && this.#sockets.has(handle)) this.#refs.add(handle);
    else this.#refs.delete(handle);
    this.#updateHold();
  }

  #updateHold(): void {
    this.#hold.set(this.#refs.size + this.#calls.size > 0);
  }

  /** Forgets a handle. */
  unregister(handle: number): void {
    this.#sockets.delete(handle);
    this.ref(handle, false);
    this.#finishIfDone();
  }

  /** Calls a function after every turn, for rings that have a doorbell and no events. */
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
      // When there is room, the engine rings our doorbell, or drain() follows its turn.
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

  /** Dispatches the events there are, and submits commands that wait. */
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
    this.#finishIfDone();
  }

  /** Dispatches all events there are, and asks to be notified of more; returns how many. */
  #dispatch(): number {
    const { i32 } = this.arena;
    let events = 0;
    do {
      while (!this.#closed && this.#events.peek() >= 0) {
        const at = this.#events.offset >>> 2;
        const kind = i32[at + (EVENT_KIND >> 2)] ?? 0;
        const id = i32[at + (EVENT_ID >> 2)] ?? 0;
        const handle = i32[at + (EVENT_HANDLE >> 2)] ?? 0;
        const offset = (i32[at + (EVENT_OFFSET >> 2)] ?? 0) >>> 0;
        const bits = i32[at + (EVENT_BITS >> 2)] ?? 0;
        const error = i32[at + (EVENT_ERROR >> 2)] ?? 0;
        this.#events.release();
        events++;
        if (kind === EVENT_SOCK) this.#sockets.get(handle)?.onEvent(bits, error);
        else if (kind === EVENT_ACCEPT) this.#accept(id, { handle, offset });
        else if (kind === EVENT_RESULT) this.#answer(id, error, { handle, offset });
      }
    } while (!this.#closed && !this.#events.arm());
    return events;
  }

  /**
   * Recalls an interface (handle 0: every object) from other threads, and waits until they release it.
   *
   * @returns Whether they did, in time.
   */
  async recall(handle: number, isDone: () => boolean): Promise<boolean> {
    if (isDone()) return true;
    await this.#call(newCommand(CMD_RECALL, handle), REACH, () => {});
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
    return this.#call(newCommand(CMD_SYNC), REACH, () => {});
  }

  /**
   * Counts the sockets, and the connections that are closing, those that the program has closed and forgotten included.
   *
   * @param isReset - 1: all connections are reset.
   * @returns How many are left.
   * @throws {NetError} ESHUTDOWN.
   */
  finish(isReset?: number): Promise<number> {
    const command = newCommand(CMD_FINISH, 0, CMD_SIZE, isReset);
    return this.#call(command, REACH, ({ handle }) => handle + this.#sockets.size);
  }

  /**
   * Calls a function once, when all commands are submitted and no socket is left: from then on nothing
   * here touches the channel.
   */
  whenDone(done: () => void): void {
    this.#done = done;
    this.#finishIfDone();
  }

  #finishIfDone(): void {
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
      // The listener was closed before this event was dispatched.
      this.send(CMD_ABORT, made.handle);
      this.send(CMD_RELEASE, made.handle);
    }
  }

  #answer(id: number, error: number, made: Made): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error < 0) call?.failed(netErrorFromCode(error, call.action));
    else call?.made(made);
    this.#updateHold();
  }

  /** The stack begins to close: all sockets end but those that have begun to close. */
  beginEnd(error: NetError): void {
    this.#ending = error;
    for (const [handle, socket] of [...this.#sockets]) {
      if (!socket.onEnding?.(error)) this.#abort(handle, error);
    }
  }

  /** Resets all connections and closes all listeners, before the stack goes. */
  abortSockets(error: NetError): void {
    for (const handle of [...this.#sockets.keys()]) this.#abort(handle, error);
  }

  #abort(handle: number, error: NetError): void {
    const socket = this.#sockets.get(handle);
    if (!socket) return;
    this.send(CMD_ABORT, handle);
    this.send(CMD_RELEASE, handle);
    socket.onShutdown(error);
    this.unregister(handle);
  }

  #forgetSockets(): void {
    this.#sockets.clear();
    this.#refs.clear();
    this.#updateHold();
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
    this.#forgetSockets();
    this.#pollers.clear();
    this.#waiting.length = 0;
    this.#finishIfDone();
  }
}
