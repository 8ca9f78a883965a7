// SPDX-License-Identifier: MIT
// kernel_sockets - sockets of Linux in a namespace, at the command of a test

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TcpConnection, TcpOptions } from 'ringstack';
import { bundle } from '../../helpers/built.ts';
import { ADDRESS, type Kernel } from './kernel.ts';
import type { PeerRequest } from './kernel_peer.ts';
import { Program } from './process.ts';
import type { Scope } from './scope.ts';

/** Answer to a request. */
interface Answers {
  listen: { listener: number; port: number };
  accept: number;
  connect: number;
  send: undefined;
  receive: string;
  destroy: undefined;
  echo: { port: number };
  many: string[];
  end: undefined;
  reset: undefined;
  ended: string;
}

/** Linux's sockets in the namespace, at our command. */
export type Peer = <Op extends PeerRequest['op']>(
  op: Op,
  request: Omit<Extract<PeerRequest, { op: Op }>, 'op'>,
) => Promise<Answers[Op]>;

/** Starts the program that holds the kernel's sockets. */
export function startPeer(scope: Scope, { namespace }: Kernel): Peer {
  const folder = fileURLToPath(new URL('../../../build/vm/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const file = `${folder}kernel_peer-${process.pid}.cjs`;
  if (!existsSync(file)) {
    writeFileSync(file, bundle("import './tests/vm/lib/kernel_peer.ts';"));
  }
  const command = ['ip', 'netns', 'exec', namespace, process.execPath, file];
  const program = new Program(scope, command, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  program.child.on('message', (message) => {
    const { id, value, error } = message as { id: number; value?: unknown; error?: string };
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error === undefined) resolve?.(value);
    else reject?.(Object.assign(new Error(`the kernel's socket: ${error}`), { code: error }));
  });
  let next = 0;
  const peer = (op: string, request: object): Promise<unknown> => {
    const id = next++;
    let settle: Pick<PromiseWithResolvers<unknown>, 'resolve' | 'reject'> | undefined;
    const promise = new Promise<unknown>((resolve, reject) => {
      settle = { resolve, reject };
    });
    if (settle) waiting.set(id, { promise, ...settle });
    program.child.send({ id, request: { op, ...request } });
    promise.catch(() => {});
    return promise;
  };
  return peer as Peer;
}

/** How a connection is opened. */
export interface PeerEndsOptions {
  readonly family?: 4 | 6;
  readonly opener?: 'ours' | 'kernel';
  readonly peer?: Peer;
  /** Of our end. */
  readonly tcp?: TcpOptions;
}

/** A connection with the kernel: our end, and the number of theirs. */
export async function openPeerEnds(
  scope: Scope,
  kernel: Kernel,
  { family = 4, opener = 'ours', peer = startPeer(scope, kernel), tcp = {} }: PeerEndsOptions,
): Promise<{ connection: TcpConnection; conn: number; peer: Peer }> {
  const { stack } = kernel;
  const address = ADDRESS[family];
  if (opener === 'ours') {
    const { listener, port } = await peer('listen', { host: address.kernel, port: 0 });
    const [connection, conn] = await Promise.all([
      stack.connectTcp({ host: address.kernel, port, ...tcp }),
      peer('accept', { listener }),
    ]);
    return { connection, conn, peer };
  }
  const listener = await stack.listenTcp({ host: address.ours, port: 0, ...tcp });
  const [connection, conn] = await Promise.all([
    listener.accept(),
    peer('connect', { host: address.ours, port: listener.port }),
  ]);
  await listener.close();
  return { connection, conn, peer };
}
