// SPDX-License-Identifier: MIT
// net - ringstack net: runs a network until it is interrupted

import type { AutoForwardOptions, OpenPort } from '../gateway/gateway.ts';
import type { NetworkOptions, VirtualNetwork } from '../network/network.ts';
import { Args, serverOf } from './args.ts';
import { interrupted, Links } from './links.ts';
import { Reporter } from './reporter.ts';
import { Status } from './status.ts';
import { EXIT, HELP, UsageError } from './usage.ts';

const many = { type: 'string', multiple: true } as const;
const one = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

function optionsOf(args: Args, node: typeof import('../gateway/gateway.ts').node): NetworkOptions {
  const text = (name: string): Record<string, string> => {
    const value = args.text(name);
    return value === undefined ? {} : { [name]: value };
  };
  const hosts: Record<string, string[]> = {};
  for (const entry of args.list('host')) {
    const [name, ip, more] = entry.split('=');
    if (!name || !ip || more !== undefined) {
      throw new UsageError(`--host '${entry}': must be NAME=IP`);
    }
    hosts[name] = [...(hosts[name] ?? []), ip];
  }
  const forward = args.list('dns').map((server) => serverOf(server));
  const [allow, deny, override] = [args.list('allow'), args.list('deny'), args.list('override')];
  const cidr6 = args.text('cidr6');
  const mtu = args.number('mtu', 576, 65_520);
  return {
    ...text('cidr'),
    ...text('domain'),
    ...(cidr6 !== undefined && { cidr6: cidr6 === 'none' ? false : cidr6 }),
    ...(mtu !== undefined && { mtu }),
    ...(!args.has('offline') && { out: node() }),
    ...(args.text('on-deny') !== undefined && { onDeny: args.text('on-deny') as 'drop' }),
    policy: { ...(allow.length > 0 && { allow }), deny, override },
    dns: { ...(forward.length > 0 && { forward }), ...(args.list('host').length > 0 && { hosts }) },
  };
}

function watch(net: VirtualNetwork, report: Reporter): void {
  void (async () => {
    for await (const event of net.gateway.events) report.flow(event);
  })();
  void (async () => {
    for await (const { kind, mac, ip, lease } of net.dhcp.events) {
      const name = lease?.hostname ?? '';
      report.tell('dhcp', { kind, mac, ip, name }, `dhcp   ${kind} ${ip ?? ''} ${mac} ${name}`);
    }
  })();
}

/** Follows what the guest listens at: auto, or auto:PORT,FROM-TO. */
async function follow(
  net: VirtualNetwork,
  spec: string,
  listen: NonNullable<AutoForwardOptions['listen']>,
  report: Reporter,
): Promise<void> {
  const tell = (event: string, { guest, forward }: OpenPort): void => {
    const fields = { guest: guest.address, port: guest.port, at: forward?.port };
    const text = `${event.padEnd(6)} port ${guest.port} of ${guest.name ?? guest.address}`;
    report.tell(event, fields, forward ? `${text} at port ${forward.port}` : text);
  };
  await net.forward('auto', {
    listen,
    ...(spec !== 'auto' && { ports: spec.slice(5).split(',') }),
    onOpen: (port) => tell('listen', port),
    onClose: (port) => tell('unlisten', port),
  });
}

function show(net: VirtualNetwork): () => void {
  const status = new Status(net);
  const draw = (): void => {
    const lines = status.lines().join('\n');
    process.stdout.write(process.stdout.isTTY ? `\x1b[H\x1b[2J${lines}\n` : `${lines}\n\n`);
  };
  draw();
  const timer = setInterval(draw, 1000);
  return () => clearInterval(timer);
}

/**
 * Runs a network.
 *
 * @param argv - The arguments.
 * @returns The exit code, when it was interrupted.
 * @throws UsageError, or NetError.
 */
export async function net(argv: readonly string[]): Promise<number> {
  const args = new Args(argv, {
    ...{
      qemu: many,
      tap: many,
      host: many,
      forward: many,
      allow: many,
      deny: many,
      override: many,
    },
    ...{ dns: many, cidr: one, cidr6: one, mtu: one, domain: one, pcap: one, 'on-deny': one },
    ...{ offline: flag, status: flag, json: flag, quiet: { type: 'boolean', short: 'q' } },
  });
  if (args.has('help')) {
    process.stdout.write(HELP['net'] as string);
    return EXIT.ok;
  }
  if (args.words.length > 0) throw new UsageError(`unknown argument '${args.words[0]}'`);
  if (args.list('qemu').length + args.list('tap').length === 0) {
    throw new UsageError('no guests: --qemu or --tap must be given');
  }
  const { createNetwork } = await import('../network/network.ts');
  const { node, parseForward } = await import('../gateway/gateway.ts');
  const report = new Reporter(args);
  const stop = interrupted();
  const network = await createNetwork(optionsOf(args, node));
  const links = new Links(network, report, args.number('mtu', 576, 65_520) ?? 1500);
  let hide = (): void => {};
  try {
    const pcap = args.text('pcap');
    if (pcap !== undefined) await links.capture(pcap);
    watch(network, report);
    for (const where of args.list('qemu')) await links.listen(where);
    for (const name of args.list('tap')) await links.device(name);
    for (const spec of args.list('forward')) {
      if (/^auto(:|$)/.test(spec)) {
        await follow(network, spec, { transport: node(), host: '127.0.0.1' }, report);
        continue;
      }
      const { to, ...at } = parseForward(spec);
      // Without a way out there may still be a way in.
      const listen = { transport: node(), ...at };
      const { port, protocol } = await network.forward({ listen, to });
      report.tell('forward', { spec, port, protocol }, `forward ${spec} at port ${port}`);
    }
    report.tell('ready', { address: network.address }, `gateway ${network.address}`);
    if (args.has('status')) hide = show(network);
    await stop;
  } finally {
    hide();
    await network.close();
    await links.close();
  }
  return EXIT.ok;
}
