// SPDX-License-Identifier: MIT
// lossy.test - over a link that drops, doubles, reorders, corrupts and delays, from a seed
//
// Whatever the link does, a stream arrives byte for byte or fails with an error, and nothing hangs.
// Corruption is one bit a frame, which every checksum sees, on tun interfaces: ARP has none.

import { NetError, type NetworkStack, type TcpConnection } from 'ringstack';
import { createFault, type FaultOptions } from 'ringstack/fault';
import { connect } from 'ringstack/link';
import { describe, expect, test } from 'vitest';
import { StreamHash } from '../helpers/hash.ts';
import { ENDS, ignore, openStack, passTime, until, within } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { testOfTime } from '../helpers/runtime.ts';

/** ms; longer than TCP sends a segment again (168 s or more), so that only a hang takes it. */
const WATCHDOG = 240_000;
const TIMEOUT = WATCHDOG + 60_000;
const SEEDS = [1, 2, 3];
const LINKS = [
  { mtu: 1500, family: 4 },
  { mtu: 1500, family: 6 },
  { mtu: 9000, family: 4 },
  { mtu: 9000, family: 6 },
] as const;

type Link = (typeof LINKS)[number];

/** Two stacks with a bad link between them, and what makes it bad. */
async function impairedPair({ mtu }: Link, options: FaultOptions) {
  const isCorrupting = options.corrupt !== undefined;
  const fault = createFault({ corruptBits: 1, ...options });
  const [a, b] = [await openStack(), await openStack()];
  const open = (stack: NetworkStack, side: 'a' | 'b') => {
    const settings = { ip: [`${ENDS[4][side]}/24`, `${ENDS[6][side]}/64`], mtu };
    return isCorrupting ? stack.createTunInterface(settings) : stack.createTapInterface(settings);
  };
  const link = connect(await open(a, 'a'), fault.wrap(await open(b, 'b')));
  return { a, b, fault, link };
}

async function write({ writable }: TcpConnection, seed: number, size: number): Promise<string> {
  const random = new Prng(seed);
  const hash = new StreamHash();
  const writer = writable.getWriter();
  while (hash.length < size) {
    const chunk = random.bytes(20_000);
    hash.update(chunk);
    await writer.write(chunk);
  }
  await writer.close();
  return hash.digest();
}

async function read(connection: TcpConnection): Promise<string> {
  const hash = new StreamHash();
  for await (const chunk of connection) hash.update(chunk);
  return hash.digest();
}

/** Sends both ways at once; 'intact' or the code of the error. */
async function transfer(a: NetworkStack, b: NetworkStack, link: Link, size: number) {
  try {
    const listener = await b.listenTcp({ port: 0 });
    const client = await a.connectTcp({ host: ENDS[link.family].b, port: listener.port });
    const sending = write(client, 7, size);
    // The server may have given up while our acknowledgements were lost; the sender gets an error.
    const accepting = listener.accept();
    const server = await Promise.race([accepting, sending.then(() => accepting)]);
    // If one end fails, the other may have sent all it had and wait without end: TCP allows that.
    const [there, here, sent, answered] = await Promise.all([
      read(server),
      read(client),
      sending,
      write(server, 8, size),
    ]);
    expect([there, here]).toEqual([sent, answered]);
    await Promise.all([client.closed, server.closed]);
    return 'intact';
  } catch (error) {
    if (error instanceof NetError) return error.code;
    throw error;
  }
}

/** Runs all links and seeds at once; returns the outcomes. */
async function runAll(
  impairment: Omit<FaultOptions, 'seed'>,
  size: number,
  meanwhile: (stacks: NetworkStack[], isOver: () => boolean) => Promise<void> = async () => {},
): Promise<string[]> {
  const cases = LINKS.flatMap((link) => SEEDS.map((seed) => ({ link, seed })));
  const done = { dropped: 0, duplicated: 0, reordered: 0, corrupted: 0 };
  const stacks: NetworkStack[] = [];
  const outcomes = Promise.all(
    cases.map(async ({ link, seed }) => {
      const { a, b, fault, link: joined } = await impairedPair(link, { seed, ...impairment });
      stacks.push(a, b);
      const what = `seed ${seed}, MTU ${link.mtu}, IPv${link.family}, ${JSON.stringify(impairment)}`;
      const outcome = await within(WATCHDOG, what, transfer(a, b, link, size));
      for (const key of Object.keys(done) as (keyof typeof done)[]) {
        done[key] += fault.statistics.incoming[key] + fault.statistics.outgoing[key];
      }
      await joined.close();
      return outcome;
    }),
  );
  let isOver = false;
  outcomes.then(() => {
    isOver = true;
  }, ignore);
  await meanwhile(stacks, () => isOver);
  await outcomes;
  expect([done.dropped, done.duplicated, done.reordered, done.corrupted].map((n) => n > 0)).toEqual(
    [impairment.drop, impairment.duplicate, impairment.reorder, impairment.corrupt].map(Boolean),
  );
  return outcomes;
}

describe('a stream arrives intact over a link that', () => {
  test.each<[string, Omit<FaultOptions, 'seed'>, number]>([
    ['drops 1 %', { drop: 0.01 }, 1_000_000],
    ['drops 10 %', { drop: 0.1 }, 300_000],
    ['doubles 30 %', { duplicate: 0.3 }, 1_000_000],
    ['reorders 5 %', { reorder: 0.05 }, 1_000_000],
    ['reorders 50 %', { reorder: 0.5 }, 300_000],
    ['corrupts 5 %', { corrupt: 0.05 }, 500_000],
    ['delays by 1 to 10 ms', { delay: 1, jitter: 9 }, 500_000],
    ['is slow', { rate: 2_000_000, delay: 5 }, 500_000],
    ['does all of it', { drop: 0.02, duplicate: 0.02, reorder: 0.05, jitter: 5 }, 300_000],
    ['corrupts as well', { drop: 0.02, reorder: 0.05, corrupt: 0.02, jitter: 3 }, 300_000],
  ])(
    '%s',
    async (_, impairment, size) => {
      expect(new Set(await runAll(impairment, size))).toEqual(new Set(['intact']));
    },
    TIMEOUT,
  );

  testOfTime(
    'drops 40 %, or fails with an error',
    async () => {
      const outcomes = await runAll({ drop: 0.4 }, 60_000, async (stacks, isOver) => {
        // The test need not wait the minutes that TCP takes.
        await until(() => stacks.length === 2 * LINKS.length * SEEDS.length);
        while (!isOver()) {
          await passTime(500, stacks, 100);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      });
      for (const code of outcomes) {
        expect(['intact', 'ETIMEDOUT', 'EHOSTUNREACH', 'ECONNRESET']).toContain(code);
      }
    },
    TIMEOUT,
  );
});
