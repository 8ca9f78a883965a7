// SPDX-License-Identifier: MIT
// thread - the other thread of share.test.ts and share_udp.test.ts: opens what it is posted and does what it is told
//
// The first message is { fallback }: whether Atomics.waitAsync is taken away before anything is loaded. Then
// { handle, job, ...arguments }; the answer is { result } or { code }. It is a worker of Node or of the web.

const port =
  typeof postMessage === 'function'
    ? globalThis
    : process.getBuiltinModule('node:worker_threads').parentPort;

/** Our module, once the first message has come. */
let loading;

const kept = [];

const jobs = {
  /** Opens it and keeps it. */
  keep: async (object) => void kept.push(object),

  /** Sends back all that comes, until the peer ends. */
  echo: async (connection) => {
    await connection.readable.pipeTo(connection.writable);
    await connection.closed;
  },

  /** Reads to the end; says what came. */
  read: async (connection) => {
    let text = '';
    for await (const chunk of connection) text += new TextDecoder().decode(chunk);
    await connection.close();
    return text;
  },

  /** Sends back all datagrams, up to an empty one; says how many that were, and what the socket says of itself. */
  echoDatagrams: async (socket) => {
    let count = 0;
    for await (const datagram of socket) {
      if (datagram.data.length === 0) break;
      await socket.send(datagram.data, datagram);
      count++;
    }
    const { localPort, remotePort, ttl, multicastTtl, statistics } = socket;
    await socket.close();
    return { count, localPort, remotePort, ttl, multicastTtl, statistics };
  },

  /** Sends a datagram that is refused; says what it hears of that. */
  refused: async (socket) => {
    await socket.send(new Uint8Array([1]));
    return socket.receive().catch((error) => error.code);
  },

  /** Says how it ends. */
  closed: async (connection) => {
    port.postMessage({ progress: true });
    return connection.closed.then(
      () => 'ok',
      (error) => error.code,
    );
  },

  /** Answers frames of a tap with themselves, addresses swapped: a link of one other host. */
  reflect: async (tap) => {
    const writer = tap.writable.getWriter();
    const coming = tap.listen();
    port.postMessage({ progress: true });
    let frames = 0;
    for await (const frame of coming) {
      const back = new Uint8Array(frame);
      back.set(frame.subarray(6, 12), 0);
      back.set(frame.subarray(0, 6), 6);
      await writer.write(back).catch(() => {});
      frames++;
    }
    return frames;
  },

  /** Makes a stack in an arena that echoes on port 7, and shares its tap. */
  host: async (arena, { ip }) => {
    const { createStack } = await loading;
    const stack = await createStack({ arena, engine: 'inline' });
    kept.push(stack);
    const tap = await stack.createTapInterface({ ip });
    const listener = await stack.listenTcp({ port: 7 });
    (async () => {
      for await (const one of listener) one.readable.pipeTo(one.writable).catch(() => {});
    })();
    return { tap: await tap.share() };
  },

  /** Closes all that was kept. */
  close: async () => {
    for (const one of kept.splice(0)) await one.close?.();
  },
};

async function take({ fallback, handle, job, ...rest }) {
  if (!loading) {
    if (fallback) delete Atomics.waitAsync;
    loading = import('../../../dist/index.js');
    return;
  }
  try {
    const { attach } = await loading;
    const object = handle && (await attach(handle));
    port.postMessage({ result: await jobs[job](object, rest) });
  } catch (error) {
    port.postMessage({ code: error.code ?? String(error) });
  }
}

if (port.on) port.on('message', take);
else port.onmessage = ({ data }) => void take(data);
