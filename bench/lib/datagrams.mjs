// SPDX-License-Identifier: MIT
// datagrams - how datagrams are put into a socket and taken out of it, one way for each kind of program
//
//   stream   web streams; writes when writer.ready, default reader
//   ring     ring level: copied into the room that reserve() gives, looked at where peek() shows them
//   native   node:dgram's own: send() with a callback, 'message' events
//
// Datagrams may get lost, so each one tells which it is: byte 0 is its number modulo the number of units.

import { inTurn, seededBytes } from './content.mjs';

const UNITS = 49;
/** Datagrams that node:dgram sends before it lets events be heard: as many as it receives in a turn of its loop, so that none is lost. */
const BURST = 32;
const BURST_BYTES = 64 * 1024;

/** Seeded datagrams of one size, numbered. */
export class Datagrams {
  /** @param {number} size - Bytes, at least 1. */
  constructor(size) {
    this.size = size;
    this.units = Array.from({ length: UNITS }, (_, n) => {
      const unit = seededBytes(n + 1, size).slice();
      unit[0] = n;
      return unit;
    });
  }

  /**
   * Datagrams, one after the other.
   *
   * @returns {() => Uint8Array}
   */
  writes() {
    return inTurn(this.units);
  }

  /**
   * Whether it is one of them.
   *
   * @param {Uint8Array} data
   * @param {boolean} whole - Compares every byte; else its length and number.
   */
  has(data, whole) {
    const unit = this.units[data[0]];
    if (unit === undefined || data.length !== this.size) return false;
    return !whole || unit.every((byte, i) => data[i] === byte);
  }
}

async function sendRing({ socket }, next) {
  const writer = socket.getRingWriter();
  for (let data = next(); data; data = next()) {
    let room = writer.reserve(data.length);
    while (!room) {
      await writer.ready(data.length);
      room = writer.reserve(data.length);
    }
    room.set(data);
    writer.submit();
  }
  writer.releaseLock();
}

async function sendWeb({ socket, to: { host, port } }, next) {
  const writer = socket.writable.getWriter();
  for (let data = next(); data; data = next()) {
    await writer.ready;
    // The stream's own errors come out of ready.
    writer.write({ host, port, data }).catch(() => {});
  }
  await writer.ready;
  writer.releaseLock();
}

async function sendNative({ socket }, next) {
  const burst = (size) => Math.max(1, Math.min(BURST, Math.floor(BURST_BYTES / size)));
  for (let data = next(); data; ) {
    let left = burst(data.length);
    let sent = 0;
    await new Promise((resolve) => {
      const done = () => {
        if (--sent === 0) setImmediate(resolve);
      };
      for (; data && left > 0; left--, data = next()) {
        sent++;
        socket.send(data, done);
      }
    });
  }
}

async function receiveRing({ socket }, take) {
  const reader = socket.getRingReader();
  while (await reader.ready()) {
    for (let data = reader.peek(); data; data = reader.peek()) {
      const isOver = !take(data);
      reader.release();
      if (isOver) return;
    }
  }
}

async function receiveWeb({ socket }, take) {
  const reader = socket.readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done || !take(value.data)) return;
  }
}

function receiveNative({ socket }, take) {
  return new Promise((resolve, reject) => {
    const onMessage = (data) => {
      if (take(data)) return;
      socket.off('message', onMessage);
      resolve();
    };
    socket.on('message', onMessage);
    socket.on('error', reject);
  });
}

const SENDERS = { stream: sendWeb, ring: sendRing, native: sendNative };
const RECEIVERS = { stream: receiveWeb, ring: receiveRing, native: receiveNative };

/**
 * Sends until there is nothing more.
 *
 * @param {string} kind - See above.
 * @param {object} end - Of openUdp() of a host.
 * @param {() => Uint8Array | undefined} next
 */
export const sendAll = (kind, end, next) => SENDERS[kind](end, next);

/**
 * Receives until it is told to stop.
 *
 * @param {string} kind
 * @param {object} end
 * @param {(data: Uint8Array) => boolean} take - Must not keep the datagram; false: stop.
 */
export const receiveAll = (kind, end, take) => RECEIVERS[kind](end, take);

/** A socket that sends back what it receives, until it is closed. */
export const ECHOES = {
  async stream({ socket }) {
    const writer = socket.writable.getWriter();
    for await (const datagram of socket) await writer.write(datagram);
  },
  async ring({ socket }) {
    const reader = socket.getRingReader();
    const writer = socket.getRingWriter();
    let port = 0;
    while (await reader.ready()) {
      for (let data = reader.peek(); data; data = reader.peek()) {
        if (reader.remotePort !== port) {
          port = reader.remotePort;
          writer.to({ host: reader.remoteAddress, port });
        }
        writer.reserve(data.length)?.set(data);
        writer.submit();
        reader.release();
      }
    }
  },
  native: ({ socket }) =>
    new Promise((resolve) => {
      socket.on('message', (data, { address, port }) => socket.send(data, port, address));
      socket.on('close', resolve);
    }),
};

/** Messages one at a time on a connected socket: write(data), read(). */
export const MESSAGES = {
  stream({ socket, to: { host, port } }) {
    const reader = socket.readable.getReader();
    const writer = socket.writable.getWriter();
    return {
      write: (data) => writer.write({ host, port, data }),
      read: async () => (await reader.read()).value.data,
    };
  },
  ring({ socket }) {
    const reader = socket.getRingReader();
    const writer = socket.getRingWriter();
    return {
      write(data) {
        writer.reserve(data.length)?.set(data);
        writer.submit();
      },
      async read() {
        await reader.ready();
        const { length } = reader.peek() ?? {};
        reader.release();
        return { length };
      },
    };
  },
  native({ socket }) {
    let wake = () => {};
    socket.on('message', (data) => wake(data));
    return {
      write: (data) => socket.send(data),
      read: () =>
        new Promise((resolve) => {
          wake = resolve;
        }),
    };
  },
};
