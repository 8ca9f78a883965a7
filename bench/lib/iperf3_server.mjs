// SPDX-License-Identifier: MIT
// iperf3_server - the server of iperf3's protocol on a stack of ours, so that iperf3 itself measures it
//
// Theory of operation
//
// A client opens a control connection and says a cookie; then each side tells the other of the next step by one
// byte. The parameters of the test and the results are JSON after their length. Each stream is a connection more
// that begins with the same cookie. See iperf_api.h of iperf3 3.12; what is here is TCP one way or, with -R,
// the other, with -P streams.

const COOKIE = 37;
/** Meaning of the bytes of the control connection. */
const TEST_START = 1;
const TEST_RUNNING = 2;
const TEST_END = 4;
const PARAM_EXCHANGE = 9;
const CREATE_STREAMS = 10;
const EXCHANGE_RESULTS = 13;
const DISPLAY_RESULTS = 14;
const IPERF_DONE = 16;
/** Bytes that a stream reads and writes at a time; iperf3's own default. */
const BLOCK = 128 * 1024;

/** The control connection. */
class Control {
  #reader;
  #writer;

  constructor({ readable, writable }) {
    this.#reader = readable.getReader({ mode: 'byob' });
    this.#writer = writable.getWriter();
  }

  async take(length) {
    const { value, done } = await this.#reader.read(new Uint8Array(length), { min: length });
    if (done || value.length < length) throw new Error('iperf3 has gone');
    return value;
  }

  async expect(state) {
    const [got] = await this.take(1);
    if (got !== state) throw new Error(`iperf3 says ${got}, not ${state}`);
  }

  say(...states) {
    return this.#writer.write(Uint8Array.from(states));
  }

  async takeJson() {
    const { buffer } = await this.take(4);
    const bytes = await this.take(new DataView(buffer).getUint32(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  async sayJson(value) {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length);
    await this.#writer.write(length);
    await this.#writer.write(bytes);
  }

  async close() {
    this.#reader.releaseLock();
    await this.#writer.close();
  }
}

/** Counts what comes until the stream ends. */
async function receive(stream, reader) {
  let buffer = new ArrayBuffer(BLOCK);
  for (;;) {
    const { value, done } = await reader.read(new Uint8Array(buffer));
    if (done) return;
    buffer = value.buffer;
    stream.bytes += value.length;
  }
}

/** Sends until the test is over. The client reads whole blocks, also then: it waits for the end of the stream. */
async function send(stream, writer, test) {
  const block = new Uint8Array(BLOCK);
  while (!test.isOver) {
    await writer.ready;
    writer.write(block).catch(() => {});
    stream.bytes += BLOCK;
  }
  await writer.close();
}

/** Takes one connection more, which must be of this test. */
async function openStream(listener, cookie, n) {
  const connection = await listener.accept();
  const reader = connection.readable.getReader({ mode: 'byob' });
  const { value } = await reader.read(new Uint8Array(COOKIE), { min: COOKIE });
  if (!value?.every((byte, at) => byte === cookie[at])) throw new Error('not of this test');
  // iperf3 leaves the second number out.
  return { connection, reader, id: n === 0 ? 1 : n + 2, bytes: 0 };
}

/** Serves one test. */
async function serve(first, listener) {
  const control = new Control(first);
  const cookie = await control.take(COOKIE);
  await control.say(PARAM_EXCHANGE);
  const { parallel = 1, reverse = false } = await control.takeJson();
  await control.say(CREATE_STREAMS);
  const test = { isOver: false };
  const streams = [];
  for (let n = 0; n < parallel; n++) streams.push(await openStream(listener, cookie, n));
  await control.say(TEST_START, TEST_RUNNING);
  const began = performance.now();
  const moving = streams.map((stream) =>
    reverse
      ? send(stream, stream.connection.writable.getWriter(), test)
      : receive(stream, stream.reader),
  );
  for (const move of moving) move.catch(() => {}); // looked at below
  await control.expect(TEST_END);
  test.isOver = true;
  const seconds = (performance.now() - began) / 1000;
  const results = streams.map(({ id, bytes }) => ({
    id,
    bytes,
    retransmits: -1,
    jitter: 0,
    errors: 0,
    packets: 0,
    start_time: 0,
    end_time: seconds,
  }));
  await control.say(EXCHANGE_RESULTS);
  await control.takeJson();
  await control.sayJson({
    cpu_util_total: 0,
    cpu_util_user: 0,
    cpu_util_system: 0,
    sender_has_retransmits: -1,
    streams: results,
  });
  await control.say(DISPLAY_RESULTS);
  await control.expect(IPERF_DONE);
  // A client that has not read all resets the streams when it goes; what counts has been said by now.
  await Promise.allSettled(moving);
  await Promise.allSettled(
    [control, first, ...streams.map(({ connection }) => connection)].map((one) => one.close()),
  );
}

/**
 * Serves one test after another, until the listener closes.
 *
 * @param {import('ringstack').TcpListener} listener - On port 5201.
 * @throws The error that a test failed with; its client has seen it too.
 */
export async function serveIperf3(listener) {
  for await (const control of listener) await serve(control, listener);
}
