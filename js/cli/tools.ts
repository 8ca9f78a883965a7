// SPDX-License-Identifier: MIT
// tools - ringstack ping and ringstack dig

import type { LinkEndpoint } from '../link/link.ts';
import { Args, openDevice, placeOf, serverOf } from './args.ts';
import { EXIT, HELP, UsageError } from './usage.ts';

const one = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const write = (line: string): void => void process.stdout.write(`${line}\n`);

async function linkOf(args: Args): Promise<LinkEndpoint & AsyncDisposable> {
  const [tap, qemu] = [args.text('tap'), args.text('qemu')];
  if ((tap === undefined) === (qemu === undefined)) {
    throw new UsageError('the link is missing: --tap or --qemu must be given, not both');
  }
  if (tap !== undefined) return (await openDevice(tap, 1500)) as LinkEndpoint & AsyncDisposable;
  const { connectQemu } = await import('../link/adapter/qemu.ts');
  return connectQemu(placeOf(qemu as string));
}

/**
 * Pings a host of a link.
 *
 * @param argv - The arguments.
 * @returns The exit code.
 * @throws UsageError, or NetError.
 */
export async function ping(argv: readonly string[]): Promise<number> {
  const args = new Args(argv, {
    ...{ tap: one, qemu: one, ip: one, gateway: one, json: flag },
    count: { type: 'string', short: 'c' },
    timeout: { type: 'string', short: 'W' },
  });
  if (args.has('help')) {
    process.stdout.write(HELP['ping'] as string);
    return EXIT.ok;
  }
  const [host, more] = args.words;
  if (host === undefined || more !== undefined) throw new UsageError('one host must be given');
  const count = args.number('count', 1, 1_000_000) ?? 4;
  const timeout = args.number('timeout', 1, 2 ** 31 - 1) ?? 1000;
  const [ip, gateway] = [args.text('ip'), args.text('gateway')];
  const link = await linkOf(args);
  const { createStack } = await import('../index.ts');
  const { connect } = await import('../link/link.ts');
  const stack = await createStack();
  let replies = 0;
  try {
    const tap = await stack.createTapInterface({
      ...(ip !== undefined && { ip }),
      ...(gateway !== undefined && { gateway }),
    });
    connect(tap, link).closed.catch(() => {});
    if (ip === undefined) {
      const { requestLease } = await import('../dhcp/dhcp.ts');
      await requestLease(tap);
    }
    const session = await stack.createPingSession({ host, timeout });
    for (let n = 0; n < count; n++) {
      try {
        const reply = await session.ping();
        replies++;
        const { sequenceNumber, roundTripTime, ttl } = reply;
        const fields = { host: reply.host, sequenceNumber, roundTripTime, ttl };
        const text = `reply from ${reply.host}: seq=${sequenceNumber} ttl=${ttl} time=${roundTripTime.toFixed(3)} ms`;
        write(args.has('json') ? JSON.stringify(fields) : text);
        if (n + 1 < count) await new Promise((resolve) => setTimeout(resolve, 1000));
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        write(args.has('json') ? JSON.stringify({ host, error: code }) : message);
      }
    }
    if (!args.has('json')) write(`${count} sent, ${replies} received`);
  } finally {
    await stack.close();
    await link[Symbol.asyncDispose]();
  }
  return replies > 0 ? EXIT.ok : EXIT.failed;
}

/**
 * Asks a name server.
 *
 * @param argv - The arguments.
 * @returns The exit code.
 * @throws UsageError, or NetError.
 */
export async function dig(argv: readonly string[]): Promise<number> {
  const args = new Args(argv, { timeout: one, short: flag, json: flag });
  if (args.has('help')) {
    process.stdout.write(HELP['dig'] as string);
    return EXIT.ok;
  }
  const servers = args.words.filter((word) => word.startsWith('@'));
  const [name, type = 'A', more] = args.words.filter((word) => !word.startsWith('@'));
  if (name === undefined || more !== undefined || servers.length > 1) {
    throw new UsageError('a name must be given, and at most one server and type');
  }
  const { createDns } = await import('../dns/dns.ts');
  const { node } = await import('../gateway/gateway.ts');
  const way = node();
  const [server] = servers;
  const nameServers = server === undefined ? way.nameServers() : [serverOf(server.slice(1))];
  const timeout = args.number('timeout', 1, 2 ** 31 - 1) ?? 2000;
  const dns = await createDns({ udp: way, tcp: way }, { client: { nameServers, timeout } });
  try {
    const question = { name, type: type.toUpperCase() as 'A', class: 'IN' } as const;
    const start = performance.now();
    const response = await dns.query(question);
    const ms = performance.now() - start;
    const { rcode, answers } = response;
    const data = (record: object): string => {
      const {
        name: _name,
        type: _type,
        class: _class,
        ttl: _ttl,
        ...rest
      } = record as Record<string, unknown>;
      return Object.values(rest).flat().join(' ');
    };
    if (args.has('json')) write(JSON.stringify(response));
    else if (args.has('short')) for (const record of answers) write(data(record));
    else {
      write(`;; ${rcode}, ${answers.length} answers, ${ms.toFixed(1)} ms`);
      for (const record of answers) {
        write(
          `${record.name || '.'}\t${'ttl' in record ? record.ttl : 0}\tIN\t${record.type}\t${data(record)}`,
        );
      }
    }
    return rcode === 'NOERROR' && answers.length > 0 ? EXIT.ok : EXIT.failed;
  } finally {
    await dns.close();
  }
}
