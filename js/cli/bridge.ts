// SPDX-License-Identifier: MIT
// bridge - ringstack bridge: a switch of links until it is interrupted

import type { Switch } from '../link/link.ts';
import { Args } from './args.ts';
import { interrupted, Links } from './links.ts';
import { Reporter } from './reporter.ts';
import { age, table } from './status.ts';
import { EXIT, HELP, UsageError } from './usage.ts';

const many = { type: 'string', multiple: true } as const;
const one = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

/** The ports and addresses of a switch, once a second. */
function show(hub: Switch): () => void {
  const draw = (): void => {
    const ports = hub.ports.map(({ name, statistics }) => {
      const { rxFrames, txFrames, rxBytes, txBytes } = statistics;
      return [name, ...[rxFrames, rxBytes, txFrames, txBytes].map(String)];
    });
    const addresses = [...hub.forwardingTable()].map((entry) => [
      ...[entry.mac, entry.port.name, age(entry.age)],
    ]);
    const lines = [
      ...table([['port', 'frames in', 'bytes in', 'frames out', 'bytes out'], ...ports]),
      '',
      ...table([['address', 'port', 'age'], ...addresses]),
    ].join('\n');
    process.stdout.write(process.stdout.isTTY ? `\x1b[H\x1b[2J${lines}\n` : `${lines}\n\n`);
  };
  draw();
  const timer = setInterval(draw, 1000);
  return () => clearInterval(timer);
}

/**
 * Joins links.
 *
 * @param argv - The arguments.
 * @returns The exit code, when it was interrupted.
 * @throws UsageError, or NetError.
 */
export async function bridge(argv: readonly string[]): Promise<number> {
  const args = new Args(argv, {
    ...{ qemu: many, tap: many, mtu: one, pcap: one, guard: flag, status: flag, json: flag },
    quiet: { type: 'boolean', short: 'q' },
  });
  if (args.has('help')) {
    process.stdout.write(HELP['bridge'] as string);
    return EXIT.ok;
  }
  if (args.words.length > 0) throw new UsageError(`unknown argument '${args.words[0]}'`);
  if (args.list('qemu').length + args.list('tap').length === 0) {
    throw new UsageError('no links: --qemu or --tap must be given');
  }
  const mtu = args.number('mtu', 576, 65_520) ?? 1500;
  const { createSwitch } = await import('../link/link.ts');
  const report = new Reporter(args);
  const stop = interrupted();
  const hub = await createSwitch();
  const guarded = args.has('guard');
  const links = new Links(
    { plug: (endpoint, options) => hub.plug(endpoint, { ...options, guarded }) },
    report,
    mtu,
  );
  let hide = (): void => {};
  try {
    const pcap = args.text('pcap');
    if (pcap !== undefined) await links.capture(pcap);
    for (const where of args.list('qemu')) await links.listen(where);
    for (const name of args.list('tap')) await links.device(name);
    report.tell('ready', {}, 'bridge is ready');
    if (args.has('status')) hide = show(hub);
    await stop;
  } finally {
    hide();
    await hub.close();
    await links.close();
  }
  return EXIT.ok;
}
