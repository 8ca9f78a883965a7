// SPDX-License-Identifier: MIT
// end - one end of the cable: a stack with a tap, the services of a server, the programs of a client
//
// B serves echo (7), discard (9) and chargen (19) (RFC 862 to 864); A connects. B's discard reads the bytes that
// go up, A reads those that come down. Each end counts the bytes that its own app has read: only these are
// the throughput that the page shows.

import type { NetworkStack, StackArena, TapInterface, TcpConnection } from 'ringstack';
import { createStack } from 'ringstack';
import type { Direction, Echoed, EndCounters, EndInfo, StackSettings } from '../messages.ts';
import type { EndName } from '../packets/seen.ts';

const ADDRESSES = { A: ['10.0.0.1/24', 'fd00::1/64'], B: ['10.0.0.2/24', 'fd00::2/64'] };
const PORTS = { echo: 7, discard: 9, chargen: 19 };
const CHUNK = 64 * 1024;
const READ_BUFFER = 256 * 1024;
/** The smallest MTU of IPv6; below it an interface has IPv4 only (RFC 8200). */
const IPV6_LEAST_MTU = 1280;

const quiet = (): void => {};

/** Printable characters in lines, as chargen has always sent them. */
function makeChunk(): Uint8Array<ArrayBuffer> {
  const chunk = new Uint8Array(CHUNK);
  for (let i = 0; i < CHUNK; i++)
    chunk[i] = i % 73 === 72 ? 10 : 33 + ((i + Math.floor(i / 73)) % 94);
  return chunk;
}

/** Writes until told to stop, then ends our side; settles when all of it is acknowledged. */
async function pour(connection: TcpConnection, signal: AbortSignal): Promise<void> {
  const chunk = makeChunk();
  const writer = connection.writable.getWriter();
  while (!signal.aborted) {
    await writer.ready;
    // An error here is an error of close() below.
    writer.write(chunk).catch(quiet);
  }
  await writer.close();
}

/** Reads to the end. */
async function drain(connection: TcpConnection, onBytes: (count: number) => void): Promise<void> {
  const reader = connection.readable.getReader({ mode: 'byob' });
  for (let buffer = new ArrayBuffer(READ_BUFFER); ; ) {
    const { done, value } = await reader.read(new Uint8Array(buffer));
    if (done) break;
    onBytes(value.length);
    buffer = value.buffer;
  }
  reader.releaseLock();
}

/** The client's side of the echo service: one connection, lines one after the other. */
class EchoClient {
  readonly #connection: TcpConnection;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(connection: TcpConnection) {
    this.#connection = connection;
    this.#reader = connection.readable.getReader();
    this.#writer = connection.writable.getWriter();
  }

  async send(line: string): Promise<Echoed> {
    const bytes = new TextEncoder().encode(`${line}\n`);
    const start = performance.now();
    await this.#writer.write(bytes);
    const decoder = new TextDecoder();
    let text = '';
    for (let got = 0; got < bytes.length; ) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`Cannot echo: ${this.#connection.remoteAddress} has hung up`);
      got += value.length;
      text += decoder.decode(value, { stream: true });
    }
    return { line: text.slice(0, -1), ms: performance.now() - start };
  }
}

/** One end of the cable. */
export class End {
  readonly name: EndName;
  readonly tap: TapInterface;
  readonly #stack: NetworkStack;
  readonly #onFailure: (what: string) => void;
  #received = 0;
  #echo: Promise<EchoClient> | undefined;
  #lines: Promise<unknown> = Promise.resolve();
  #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  private constructor(
    name: EndName,
    stack: NetworkStack,
    tap: TapInterface,
    onFailure: (what: string) => void,
  ) {
    this.name = name;
    this.tap = tap;
    this.#stack = stack;
    this.#onFailure = onFailure;
  }

  /** Makes the stack and, on B, starts its services. */
  static async open(
    name: EndName,
    arena: StackArena,
    { engine, mtu }: StackSettings,
    onFailure: (what: string) => void,
  ): Promise<End> {
    const stack = await createStack({ arena, engine, initializeLoopback: false });
    const ip = mtu < IPV6_LEAST_MTU ? ADDRESSES[name].slice(0, 1) : ADDRESSES[name];
    const tap = await stack.createTapInterface({ ip, mtu });
    const end = new End(name, stack, tap, onFailure);
    if (name === 'B') await end.#serve();
    return end;
  }

  get info(): EndInfo {
    return { mac: this.tap.mac, addresses: this.tap.addresses };
  }

  get counters(): EndCounters {
    const { txPackets, txBytes, dropped, lost, invalid } = this.tap.statistics;
    const { tcpRetransmits, noMemoryDrops, inputDrops, checksumErrors } = this.#stack.statistics;
    return {
      time: performance.now(),
      received: this.#received,
      txPackets,
      txBytes,
      drops: dropped + lost + invalid + noMemoryDrops + inputDrops + checksumErrors,
      retransmits: tcpRetransmits,
    };
  }

  async #serve(): Promise<void> {
    const serve = async (
      port: number,
      handle: (connection: TcpConnection) => Promise<unknown>,
    ): Promise<void> => {
      const listener = await this.#stack.listenTcp({ port });
      const accept = async (): Promise<void> => {
        for await (const connection of listener) handle(connection).catch(quiet);
      };
      accept().catch(quiet);
    };
    await serve(PORTS.echo, (one) => one.readable.pipeTo(one.writable));
    await serve(PORTS.discard, async (one) => {
      await this.#drain(one);
      await one.close();
    });
    await serve(PORTS.chargen, async (one) => {
      const stop = new AbortController();
      void drain(one, quiet)
        .catch(quiet)
        .finally(() => stop.abort());
      await pour(one, stop.signal);
    });
  }

  #drain(connection: TcpConnection): Promise<void> {
    return drain(connection, (count) => {
      this.#received += count;
    });
  }

  /** Connects and sends bytes until endTransfer(). */
  async transfer(direction: Direction, host: string): Promise<void> {
    const connect = (port: number): Promise<TcpConnection> =>
      this.#stack.connectTcp({ host, port });
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const up = async (): Promise<void> => {
      const connection = await connect(PORTS.discard);
      flows.push(pour(connection, signal));
    };
    const down = async (): Promise<void> => {
      const connection = await connect(PORTS.chargen);
      signal.addEventListener('abort', () => connection.closeWrite().catch(quiet));
      flows.push(this.#drain(connection));
    };
    const flows: Promise<unknown>[] = [];
    await Promise.all([
      ...(direction !== 'down' ? [up()] : []),
      ...(direction !== 'up' ? [down()] : []),
    ]);
    this.#running = Promise.all(flows).catch((error: Error) => {
      if (!signal.aborted) this.#onFailure(`The transfer failed: ${error.message}`);
    });
  }

  /** Ends the transfer; settles when all bytes have arrived. */
  async endTransfer(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Sends a line to the echo service and waits for it to come back. */
  echo(line: string, host: string): Promise<Echoed> {
    const send = async (): Promise<Echoed> => {
      this.#echo ??= this.#stack
        .connectTcp({ host, port: PORTS.echo })
        .then((connection) => new EchoClient(connection));
      try {
        return await (await this.#echo).send(line);
      } catch (error) {
        this.#echo = undefined;
        throw error;
      }
    };
    const result = this.#lines.then(send);
    this.#lines = result.catch(quiet);
    return result;
  }

  /** Closes the stack; a transfer is reset. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#stack.close();
  }
}
