// SPDX-License-Identifier: MIT
// kernel_lan - network namespaces of Linux, each with a tap of its own for a port or an interface of ours

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BridgeInterface,
  type BridgeInterfaceOptions,
  type BridgePort,
  type BridgePortOptions,
  createStack,
  type NetworkStack,
  type TapInterface,
} from 'ringstack';
import { connect } from 'ringstack/link';
import { type Capture, createCapture } from 'ringstack/pcap';
import { type KernelDevice, openTap } from 'ringstack/tap';
import { digestOf, payload } from './payload.ts';
import { Program } from './process.ts';
import type { Scope } from './scope.ts';

/** A namespace and its tap. */
export interface KernelHost {
  readonly namespace: string;
  readonly device: KernelDevice;
  /** Changes its links, addresses and routes. */
  ip(...args: string[]): void;
  /** Runs a program in it. */
  run(...command: string[]): Program;
  /** The same for one that leaves children when it is ended. */
  runGroup(...command: string[]): Program;
}

let count = 0;

/**
 * Makes a namespace with a tap `tap0`.
 *
 * @param scope - Ends it.
 * @param addresses - Of the tap, as CIDRs.
 * @param mtu - Of the tap.
 */
export async function openHost(
  scope: Scope,
  addresses: readonly string[],
  mtu = 1500,
): Promise<KernelHost> {
  const namespace = `ringstack-lan-${process.pid}-${count++}`;
  const exec = (...args: string[]): void => {
    execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  };
  exec('netns', 'add', namespace);
  scope.defer(() => {
    const pids = execFileSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' });
    for (const pid of pids.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    exec('netns', 'delete', namespace);
  });
  const device = await openTap({ namespace, name: 'tap0', mtu });
  scope.defer(() => device.close());
  const ip = (...args: string[]): void => exec('-n', namespace, ...args);
  ip('link', 'set', 'lo', 'up');
  for (const address of addresses) {
    ip('addr', 'add', address, 'dev', 'tap0', ...(address.includes(':') ? ['nodad'] : []));
  }
  const inside = ['ip', 'netns', 'exec', namespace];
  return {
    namespace,
    device,
    ip,
    run: (...command) => new Program(scope, [...inside, ...command]),
    runGroup: (...command) => new Program(scope, [...inside, ...command], { detached: true }),
  };
}

/** A namespace at a port of a bridge. */
export interface PortHost extends KernelHost {
  readonly port: BridgePort;
}

/** A bridge 10.88.0.1 and fd88::1, and the namespaces at its ports. */
export interface KernelBridge {
  readonly stack: NetworkStack;
  readonly bridge: BridgeInterface;
  readonly hosts: readonly PortHost[];
  /** Adds a namespace: number n is 10.88.0.n and fd88::n, at a port of the name `portN`. */
  add(n: number, options?: BridgePortOptions): Promise<PortHost>;
}

/**
 * Makes a bridge with namespaces at its ports.
 *
 * @param scope - Ends it.
 * @param count - Of namespaces, whose numbers are 2 and so on.
 * @param options - Of the bridge.
 */
export async function openBridge(
  scope: Scope,
  count: number,
  options: BridgeInterfaceOptions = {},
): Promise<KernelBridge> {
  const stack = await createStack({ engine: 'inline' });
  scope.defer(() => stack.close());
  const ip = ['10.88.0.1/24', 'fd88::1/64'];
  const bridge = await stack.createBridgeInterface({ ip, ...options });
  const add = async (n: number, portOptions: BridgePortOptions = {}): Promise<PortHost> => {
    const host = await openHost(scope, [`10.88.0.${n}/24`, `fd88::${n}/64`]);
    const port = await bridge.addPort(host.device, { name: `port${n}`, ...portOptions });
    return { ...host, port };
  };
  const hosts: PortHost[] = [];
  for (let n = 2; n < count + 2; n++) hosts.push(await add(n));
  return { stack, bridge, hosts, add };
}

/** A namespace, and the interface of our router that it is on a cable with. */
export interface RoutedHost extends KernelHost {
  readonly tap: TapInterface;
}

/** Namespaces with our router between them. */
export interface KernelPath {
  readonly stack: NetworkStack;
  /** 10.91.0.2 and fd91::2; the router is .1 of each network. */
  readonly near: RoutedHost;
  /** 10.92.0.2 and fd92::2. */
  readonly far: RoutedHost;
  /** Of the cable to `far`. */
  readonly capture: Capture;
  /** Adds another one: 10.NET.0.2 and fdNET::2. */
  add(net: number, mtu?: number, capture?: Capture): Promise<RoutedHost>;
}

/**
 * Makes a router with namespaces at two of its interfaces.
 *
 * @param scope - Ends it.
 * @param farMtu - Of the cable to the far one.
 * @param nearCapture - Captures what passes on the cable to the near one.
 */
export async function openPath(
  scope: Scope,
  { farMtu = 1500, nearCapture }: { farMtu?: number; nearCapture?: Capture } = {},
): Promise<KernelPath> {
  const stack = await createStack({ engine: 'inline', forwarding: true });
  scope.defer(() => stack.close());
  const add = async (net: number, mtu = 1500, capture?: Capture): Promise<RoutedHost> => {
    const host = await openHost(scope, [`10.${net}.0.2/24`, `fd${net}::2/64`], mtu);
    host.ip('route', 'add', 'default', 'via', `10.${net}.0.1`);
    host.ip('-6', 'route', 'add', 'default', 'via', `fd${net}::1`);
    const tap = await stack.createTapInterface({
      ip: [`10.${net}.0.1/24`, `fd${net}::1/64`],
      mtu,
    });
    connect(tap, capture ? capture.wrap(host.device) : host.device);
    return { ...host, tap };
  };
  const capture = createCapture({ queue: 2 ** 25 });
  const near = await add(91, 1500, nearCapture);
  return { stack, near, far: await add(92, farMtu, capture), capture, add };
}

/** A folder of temporary files, until the end of the scope. */
function temporary(scope: Scope): string {
  const folder = mkdtempSync(join(tmpdir(), 'ringstack-lan-'));
  scope.defer(() => rmSync(folder, { recursive: true }));
  return folder;
}

/**
 * Pings a host. Unlike with ping, which waits for two round trips at the end, an answer may take 10 s.
 *
 * @param count - Of pings, at intervals of 20 ms.
 * @returns How many were lost.
 */
export async function lostPings(from: KernelHost, to: string, count = 20): Promise<number> {
  const fping = from.run('fping', '-q', '-c', `${count}`, '-p', '20', '-t', '10000', to);
  await fping.ended;
  const [, sent, came] = /(\d+)\/(\d+)\/\d+%/.exec(fping.output) ?? [];
  if (Number(sent) !== count) throw new Error(`fping did not run:\n${fping.output}`);
  return count - Number(came);
}

/**
 * Sends a payload by TCP from one namespace to another.
 *
 * @param address - Of the receiver.
 * @param size - Bytes.
 * @returns Whether the payload arrived, by its digest.
 */
export async function isTransferred(
  scope: Scope,
  from: KernelHost,
  to: KernelHost,
  address: string,
  size: number,
): Promise<boolean> {
  const file = join(temporary(scope), 'payload');
  await writeFile(file, payload(size, size));
  const family = address.includes(':') ? 6 : 4;
  const receive = `socat -dd -u TCP${family}-LISTEN:5001,reuseaddr - | sha256sum`;
  const receiver = to.runGroup('sh', '-c', receive);
  await receiver.printed(/listening/);
  const host = family === 6 ? `[${address}]` : address;
  const sender = from.run('socat', '-u', `OPEN:${file}`, `TCP${family}:${host}:5001`);
  await sender.succeeded();
  const sum = await receiver.succeeded();
  return `${size}-${sum.split(' ')[0]}` === digestOf(size, size);
}

/**
 * Closes a capture, and writes it to a file.
 *
 * @returns Path of the file, until the end of the scope.
 */
export async function captured(scope: Scope, capture: Capture): Promise<string> {
  await capture.close();
  const file = join(temporary(scope), 'frames.pcapng');
  await writeFile(file, capture.readable);
  return file;
}

/**
 * Closes a capture, and has tshark say something of each packet.
 *
 * @param args - Of tshark.
 * @returns Its lines.
 */
export async function dissected(
  scope: Scope,
  capture: Capture,
  ...args: string[]
): Promise<string[]> {
  const tshark = new Program(scope, ['tshark', '-r', await captured(scope, capture), ...args]);
  return (await tshark.succeeded()).split('\n').filter((line) => line.trim());
}
