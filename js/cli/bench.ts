// SPDX-License-Identifier: MIT
// bench - ringstack bench: one TCP connection between two stacks of this computer, as a user of streams has it

import type { NetworkStack } from '../index.ts';
import { Args } from './args.ts';
import { amount, table } from './status.ts';
import { EXIT, HELP, UsageError } from './usage.ts';

const one = { type: 'string' } as const;
const CHUNK = 64 * 1024;
const HOST = '10.0.0.2';
const PORTS = { stream: 5001, echo: 7, connect: 9 } as const;

/** Two stacks on a wire, which a run is between. */
interface Pair {
  readonly client: NetworkStack;
  readonly server: NetworkStack;
}

/** Runs a step until the time is over; returns steps a second. */
async function perSecond(ms: number, step: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let steps = 0;
  while (performance.now() - start < ms || steps === 0) {
    await step();
    steps++;
  }
  return (steps / (performance.now() - start)) * 1000;
}

/** Bits a second of one stream. */
async function stream({ client, server }: Pair, ms: number): Promise<number> {
  const listener = await server.listenTcp({ port: PORTS.stream });
  const [from, to] = await Promise.all([
    client.connectTcp({ host: HOST, port: PORTS.stream }),
    listener.accept(),
  ]);
  let bytes = 0;
  const received = (async () => {
    for await (const chunk of to) bytes += chunk.length;
  })();
  const writer = from.writable.getWriter();
  const chunk = new Uint8Array(CHUNK);
  const start = performance.now();
  while (performance.now() - start < ms) await writer.write(chunk);
  await writer.close();
  await received;
  const rate = (bytes * 8) / (performance.now() - start);
  await Promise.all([from.close(), to.close()]);
  return rate * 1000;
}

/** Round trips of 64 bytes a second. */
async function roundTrips({ client, server }: Pair, ms: number): Promise<number> {
  const listener = await server.listenTcp({ port: PORTS.echo });
  const [near, far] = await Promise.all([
    client.connectTcp({ host: HOST, port: PORTS.echo }),
    listener.accept(),
  ]);
  const echoed = far.readable.pipeTo(far.writable).catch(() => {});
  const [writer, reader] = [near.writable.getWriter(), near.readable.getReader()];
  const message = new Uint8Array(64);
  const rate = await perSecond(ms, async () => {
    await writer.write(message);
    for (let got = 0; got < message.length; ) got += (await reader.read()).value?.length ?? 0;
  });
  await writer.close();
  await echoed;
  return rate;
}

/** Connections a second, one after the other. */
async function connects({ client, server }: Pair, ms: number): Promise<number> {
  const listener = await server.listenTcp({ port: PORTS.connect });
  const rate = await perSecond(ms, async () => {
    const [near, far] = await Promise.all([
      client.connectTcp({ host: HOST, port: PORTS.connect }),
      listener.accept(),
    ]);
    near.abort();
    far.abort();
  });
  await listener.close();
  return rate;
}

/**
 * Measures the stack.
 *
 * @param argv - The arguments.
 * @returns The exit code.
 * @throws UsageError, or NetError.
 */
export async function bench(argv: readonly string[]): Promise<number> {
  const args = new Args(argv, { seconds: one, mtu: one, json: { type: 'boolean' } });
  if (args.has('help')) {
    process.stdout.write(HELP['bench'] as string);
    return EXIT.ok;
  }
  if (args.words.length > 0) throw new UsageError(`unknown argument '${args.words[0]}'`);
  const ms = (args.number('seconds', 1, 3600) ?? 2) * 1000;
  const mtu = args.number('mtu', 576, 65_520) ?? 1500;
  const { createStack } = await import('../index.ts');
  const { connect } = await import('../link/link.ts');
  const [client, server] = [await createStack(), await createStack()];
  try {
    const near = await client.createTapInterface({ ip: '10.0.0.1/24', mtu });
    const far = await server.createTapInterface({ ip: `${HOST}/24`, mtu });
    connect(near, far).closed.catch(() => {});
    const pair = { client, server };
    const bitsPerSecond = await stream(pair, ms);
    const roundTripsPerSecond = await roundTrips(pair, ms);
    const connectsPerSecond = await connects(pair, ms);
    const results = { mtu, bitsPerSecond, roundTripsPerSecond, connectsPerSecond };
    const lines = table([
      ['stream', amount(bitsPerSecond, 'bit/s')],
      ['round trips of 64 B', `${Math.round(roundTripsPerSecond)} a second`],
      ['connects', `${Math.round(connectsPerSecond)} a second`],
    ]);
    process.stdout.write(`${args.has('json') ? JSON.stringify(results) : lines.join('\n')}\n`);
  } finally {
    for (const stack of [client, server]) await stack.close();
  }
  return EXIT.ok;
}
