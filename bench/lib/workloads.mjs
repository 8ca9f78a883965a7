// SPDX-License-Identifier: MIT
// workloads - how bytes are put into a connection and taken out of it, one way for each kind of program
//
//   default  web streams; writes when writer.ready, default reader
//   byob     web streams; writes when writer.ready, BYOB reader with one buffer of 256 KiB
//   ring     ring level: JavaScript copies a block into the room that reserve() gives, and what
//            peek() shows into a block of 64 KiB of its own, at a place congruent mod 8 (engines copy
//            shared memory byte by byte otherwise)
//   native   node:net's own: socket.write() until it says false, then 'drain'; 'data' events

import { Skip } from './skip.mjs';

const BYOB_BUFFER = 256 * 1024;
const BLOCK = 64 * 1024;

async function sendWeb(connection, next) {
  const writer = connection.writable.getWriter();
  for (let chunk = next(); chunk; chunk = next()) {
    await writer.ready;
    // The stream's own errors come out of ready and close().
    writer.write(chunk).catch(() => {});
  }
  await writer.close();
}

async function sendAwaiting(connection, next) {
  const writer = connection.writable.getWriter();
  for (let chunk = next(); chunk; chunk = next()) await writer.write(chunk);
  await writer.close();
}

async function sendRing(connection, next) {
  const writer = ringEnd(connection, 'getRingWriter');
  for (let chunk = next(); chunk; chunk = next()) {
    for (let at = 0; at < chunk.length; ) {
      const room = writer.reserve(chunk.length - at);
      if (room.length === 0) {
        await writer.ready(chunk.length - at);
        continue;
      }
      room.set(room.length === chunk.length ? chunk : chunk.subarray(at, at + room.length));
      writer.submit(room.length);
      at += room.length;
    }
  }
  await writer.close();
}

async function sendNative({ socket }, next) {
  const { once } = await import('node:events');
  for (let chunk = next(); chunk; chunk = next()) {
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
  socket.end();
}

async function receiveDefault(connection, take) {
  const reader = connection.readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    take(value);
  }
}

function byobReader(connection) {
  try {
    return connection.readable.getReader({ mode: 'byob' });
  } catch (error) {
    if (error instanceof TypeError) throw new Skip('its readables are no byte streams');
    throw error;
  }
}

async function receiveByob(connection, take) {
  const reader = byobReader(connection);
  for (let buffer = new ArrayBuffer(BYOB_BUFFER); ; ) {
    const { done, value } = await reader.read(new Uint8Array(buffer));
    if (done) return;
    take(value);
    buffer = value.buffer;
  }
}

async function receiveRing(connection, take) {
  const reader = ringEnd(connection, 'getRingReader');
  const buffer = new ArrayBuffer(BLOCK + 8);
  const blocks = Array.from({ length: 8 }, (_, skew) => new Uint8Array(buffer, skew, BLOCK));
  while (await reader.ready()) {
    for (let bytes = reader.peek(); bytes.length > 0; bytes = reader.peek()) {
      const length = Math.min(bytes.length, BLOCK);
      const block = blocks[bytes.byteOffset & 7];
      block.set(length === bytes.length ? bytes : bytes.subarray(0, length));
      reader.release(length);
      take(length === BLOCK ? block : block.subarray(0, length));
    }
  }
}

function receiveNative({ socket }, take) {
  return new Promise((resolve, reject) => {
    socket.on('data', take);
    socket.on('end', resolve);
    socket.on('error', reject);
  });
}

function ringEnd(connection, method) {
  if (typeof connection[method] !== 'function')
    throw new Skip('not in this build: zero-copy access');
  return connection[method]();
}

const SENDERS = {
  default: sendWeb,
  byob: sendWeb,
  await: sendAwaiting,
  ring: sendRing,
  native: sendNative,
};
const RECEIVERS = {
  default: receiveDefault,
  byob: receiveByob,
  await: receiveDefault,
  ring: receiveRing,
  native: receiveNative,
};

/**
 * Writes until there is nothing more, then ends the stream.
 *
 * @param {string} kind - See above; `await`: web streams, each write awaited.
 * @param {object} connection
 * @param {() => Uint8Array | undefined} next
 */
export const send = (kind, connection, next) => SENDERS[kind](connection, next);

/**
 * Reads to the end.
 *
 * @param {string} kind
 * @param {object} connection
 * @param {(chunk: Uint8Array) => void} take - Must not keep the chunk.
 */
export const receive = (kind, connection, take) => RECEIVERS[kind](connection, take);

/** Messages of a fixed size, one after the other, on web streams or a native socket. */
export function messages(kind, connection, size) {
  if (kind === 'native') return nativeMessages(connection, size);
  return kind === 'ring' ? ringMessages(connection, size) : webMessages(connection, size);
}

/** toWeb() closes a writable by itself when the peer has ended. */
function ignoreClosed(error) {
  if (error.code !== 'ERR_INVALID_STATE') throw error;
}

function webMessages(connection, size) {
  const reader = connection.readable.getReader();
  const writer = connection.writable.getWriter();
  return {
    write: (chunk) => writer.write(chunk),
    /** Takes a whole message; false: the peer has ended. */
    async read() {
      for (let got = 0; got < size; ) {
        const { done, value } = await reader.read();
        if (done) return false;
        got += value.length;
      }
      return true;
    },
    close: () => writer.close().catch(ignoreClosed),
  };
}

/** At the ring level: copied into what reserve() gives, and looked at where it lies. */
function ringMessages(connection, size) {
  const reader = connection.getRingReader();
  const writer = connection.getRingWriter();
  return {
    /** A message fits: the ring is empty. */
    write(chunk) {
      const room = writer.reserve(chunk.length);
      if (room.length < chunk.length) throw new Error('no room for a message');
      room.set(chunk);
      writer.submit(chunk.length);
    },
    async read() {
      for (let got = 0; got < size; ) {
        if (!(await reader.ready())) return false;
        const { length } = reader.peek();
        reader.release(length);
        got += length;
      }
      return true;
    },
    close: () => writer.close(),
  };
}

/** With callbacks, as a native program has them: a promise a message only. */
function nativeMessages({ socket }, size) {
  let got = 0;
  let ended = false;
  let wake = () => {};
  socket.on('data', (chunk) => {
    got += chunk.length;
    if (got >= size) wake();
  });
  socket.on('end', () => {
    ended = true;
    wake();
  });
  return {
    write: (chunk) => socket.write(chunk),
    async read() {
      if (got < size && !ended) {
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
      if (got < size) return false;
      got -= size;
      return true;
    },
    close: () => socket.end(),
  };
}
