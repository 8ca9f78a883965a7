// SPDX-License-Identifier: MIT
// net - ringstack net: runs a network until it is interrupted

import { createWriteStream, rmSync } from 'node:fs';
import { Writable } from 'node:stream';
import type { FlowEvent } from '../gateway/gateway.ts';
import type { LinkEndpoint } from '../link/link.ts';
import type { NetworkOptions, VirtualNetwork } from '../network/network.ts';
import { Args, openDevice, placeOf, serverOf } from './args.ts';
import { Status } from './status.ts';
import { EXIT, HELP, UsageError } from './usage.ts';

const many = { type: 'string', multiple: true } as const;
const one = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

/** Writes what happens: for people, or as JSON. */
class Reporter {
  readonly #isJson: boolean;
  readonly #isQuiet: boolean;

  constructor(args: Args) {
    this.#isJson = args.has('json');
    this.#isQuiet = args.has('quiet') || args.has('status');
  }

  /** Something that happened; text says it to people. */
  tell(event: string, fields: object, text: string): void {
    if (this.#isJson) {
      const time = new Date().toISOString();
      const plain = (_: string, value: unknown): unknown =>
        value instanceof Error ? ((value as { code?: string }).code ?? value.message) : value;
      process.stdout.write(`${JSON.stringify({ time, event, ...fields }, plain)}\n`);
    } else if (!this.#isQuiet) {
      process.stdout.write(`${text}\n`);
    }
  }

  flow({ kind, ...event }: FlowEvent): void {
    const { protocol, source, destination, rule, error } = event;
    const end = (at: FlowEvent['source']): string =>
      `${at.name ?? at.address}${at.port ? `:${at.port}` : ''}`;
    const why = rule ?? (error as { message?: string } | undefined)?.message ?? '';
    const ends = `${protocol} ${end(source)} -> ${end(destination)}`;
    this.tell(kind, event, `${kind.padEnd(6)} ${ends}${why && `  (${why})`}`);
  }
}

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

/** The links of guests; each is plugged in as it comes. */
class Links {
  readonly #net: VirtualNetwork;
  readonly #report: Reporter;
  readonly #mtu: number;
  readonly #closing: (() => unknown)[] = [];
  #wrap: (endpoint: LinkEndpoint, name: string) => LinkEndpoint = (endpoint) => endpoint;
  #count = 0;

  constructor(net: VirtualNetwork, report: Reporter, mtu: number) {
    this.#net = net;
    this.#report = report;
    this.#mtu = mtu;
  }

  async capture(file: string): Promise<void> {
    const { createCapture } = await import('../link/filter/pcap.ts');
    const capture = createCapture();
    const writing = capture.readable.pipeTo(Writable.toWeb(createWriteStream(file)));
    writing.catch((error) => process.stderr.write(`ringstack: ${error.message}\n`));
    this.#wrap = (endpoint, name) => capture.wrap(endpoint, { name });
    this.#closing.push(async () => {
      await capture.close();
      await writing.catch(() => {});
    });
  }

  #plug(endpoint: LinkEndpoint, name: string): void {
    const port = this.#net.plug(this.#wrap(endpoint, name), { name });
    this.#report.tell('plug', { port: name }, `plug   ${name}`);
    const gone = (): void => {
      void port.close();
      this.#report.tell('unplug', { port: name }, `unplug ${name}`);
    };
    port.closed.then(gone, gone);
  }

  async listen(where: string): Promise<void> {
    const { listenQemu } = await import('../link/adapter/qemu.ts');
    const place = placeOf(where);
    // A socket of a run before that ended at once; QEMU would not find a new one beside it.
    if ('path' in place) rmSync(place.path, { force: true });
    const listener = await listenQemu({ ...place, mtu: this.#mtu });
    this.#closing.push(() => listener.close());
    const at = 'path' in place ? where : `${place.host}:${listener.port}`;
    this.#report.tell('listen', { qemu: at }, `listen for guests at ${at}`);
    void (async () => {
      for await (const guest of listener) {
        this.#closing.push(() => guest.close());
        this.#plug(guest, `qemu${this.#count++}`);
      }
    })();
  }

  async device(name: string): Promise<void> {
    const device = (await openDevice(name, this.#mtu)) as LinkEndpoint & AsyncDisposable;
    this.#closing.push(() => device[Symbol.asyncDispose]());
    this.#plug(device, name);
  }

  async close(): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
  }
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

/** Settles when the program is to end. */
const interrupted = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });

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
