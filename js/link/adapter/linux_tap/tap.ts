// SPDX-License-Identifier: MIT
// tap - a tap or tun device of the Linux kernel as an endpoint (Node, Deno, Bun)
//
// Theory of operation
//
// JavaScript cannot open these devices (it has no ioctl), so a small program does: helper.c beside this file, built on
// first use (build.ts). It is started with the path of a unix socket, on which it accepts one connection; frames
// go over it as over QEMU's -netdev stream (js/link/byte_session.ts). The program listens and we connect, because
// only a socket that connects can choose its read buffer.
//
// The helper writes the name, MTU and MAC of the device to standard output, or the reason of a failure to standard
// error. It ends with the socket, and therefore with this process however that ends. The kernel then removes the
// device, unless it is persistent (`ip tuntap add`). close() settles when the helper has ended. If another program
// removes the device, the endpoint fails with the text that the helper wrote last.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ERROR_REASONS, NetError, type NetErrorCode } from '../../../errors.ts';
import { checkOptions, oneOf, type Rule, type Rules, whole } from '../../../util/check.ts';
import { ByteSession, Inlet } from '../../byte_session.ts';
import { queueBytes } from '../../options.ts';
import { SessionEndpoint } from '../../sessions.ts';
import { buildTapHelper } from './build.ts';

/** Options of openTap(). */
export interface TapOptions {
  /** Ethernet frames (`tap`) or IP packets (`tun`). @default 'tap' */
  readonly type?: 'tap' | 'tun';
  /** Name of the device, at most 15 bytes; the kernel replaces `%d` by a number. @default tap0, tun0 or the next */
  readonly name?: string;
  /** Network namespace: a name of `ip netns`, or a path like `/proc/PID/ns/net`. @default that of this process */
  readonly namespace?: string;
  /** Largest IP packet, bytes, 68 to 65521. @default that of the device: 1500 */
  readonly mtu?: number;
  /** MAC address of the kernel's end, for a tap. @default that of the device: a random one */
  readonly mac?: string;
  /** Bytes of frames that wait to be taken. @default 1 MiB */
  readonly queue?: number;
  /** Path of a helper that is built already. @default built from the package's source on first use */
  readonly helper?: string;
}

/** Bytes of a device name, with the zero at its end (IFNAMSIZ). */
const NAME_SIZE = 16;
/** Bytes of a path in the helper, with the zero at its end. */
const PATH_SIZE = 4096;

/** Bytes of a text in UTF-8. */
const sizeOf = (text: string): number => new TextEncoder().encode(text).length;

/** Accepts the names that the kernel takes (dev_valid_name()) and the helper does not cut. */
const isName: Rule = (value) => {
  const isValid =
    typeof value === 'string' && /^[^\s/:\0]+$/.test(value) && !['.', '..', '-'].includes(value);
  return isValid && sizeOf(value) < NAME_SIZE
    ? undefined
    : `a name of 1 to ${NAME_SIZE - 1} bytes without '/', ':' and spaces`;
};

/** Accepts the paths that the helper does not cut. */
const isPath: Rule = (value) => {
  const isValid = typeof value === 'string' && !/^-?$|\0/.test(value);
  // '/run/netns/' stands in front of a name.
  return isValid && sizeOf(value) < PATH_SIZE - 11
    ? undefined
    : `a name or a path of at most ${PATH_SIZE - 12} bytes`;
};

const isMac: Rule = (value) => {
  const pairs = /^[\da-f]{2}(:[\da-f]{2}){5}$/i;
  return typeof value === 'string' && pairs.test(value)
    ? undefined
    : "a MAC like '02:00:00:00:00:01'";
};

const RULES: Rules<TapOptions> = {
  type: oneOf('tap', 'tun'),
  name: isName,
  namespace: isPath,
  mtu: whole(68, 65_521, ' bytes'),
  mac: isMac,
  queue: queueBytes(),
  helper: isPath,
};

/** The helper, running. */
interface Helper {
  /** Its first line. */
  readonly line: Promise<string>;
  /** Its standard error; settles when it has ended. */
  readonly ended: Promise<string>;
}

/**
 * A tap or tun device of the kernel.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { openTap } from 'ringstack/tap';
 *
 * const tap = await openTap({ mtu: 9000 }).catch((error) => error);
 * if (tap instanceof Error) assert.match(tap.message, /^Cannot open a tap device/);
 * else {
 *   assert.equal(tap.mtu, 9000);
 *   await tap.close();
 * }
 * ```
 */
export class KernelDevice extends SessionEndpoint {
  /** Name in its namespace. */
  readonly name: string;
  /** MAC address of the kernel's end; undefined for a tun. */
  readonly mac: string | undefined;
  /** Its namespace, as the option said; undefined: that of this process. */
  readonly namespace: string | undefined;
  readonly #ended: Promise<string>;

  /**
   * Called by openTap().
   *
   * @internal
   * @param socket - A socket that is connected to the helper.
   * @param inlet - The inlet that it was connected with.
   * @param helper - The program.
   * @param line - Name, MTU and MAC, as the helper wrote them.
   * @param options - Those of openTap().
   * @throws {NetError} EINVAL for an option that is out of range.
   */
  constructor(socket: Socket, inlet: Inlet, helper: Helper, line: string, options: TapOptions) {
    const [name = '', mtu, mac] = line.split(' ');
    const { type = 'tap', queue } = options;
    const action = `Cannot use the ${type} device ${name}`;
    super(
      (events) => {
        const end = async (error: unknown): Promise<void> => {
          const words = await helper.ended;
          events.end(words ? failure(action, words) : error);
        };
        const own = { ...events, end };
        const session = new ByteSession(own, socket, socket, `the device ${name}`, inlet);
        events.opened();
        return session;
      },
      { type, mtu: Number(mtu), queue },
    );
    this.name = name;
    this.mac = type === 'tap' ? mac : undefined;
    this.namespace = options.namespace;
    this.#ended = helper.ended;
  }

  /**
   * Closes the device; settles when the helper has ended.
   *
   * @throws Never.
   */
  override async close(): Promise<void> {
    await super.close();
    await this.#ended;
  }
}

/** The error for a text of the helper. */
function failure(action: string, words: string): NetError {
  const [, name = '', reason = ''] = /^([A-Z]+) (.*)$/m.exec(words) ?? [];
  const code = (name in ERROR_REASONS ? name : 'EPROTO') as NetErrorCode;
  return new NetError(code, action, { reason: reason || words.trim() || 'the helper ended' });
}

/** Starts the helper. */
function start(program: string, args: readonly string[], action: string): Helper {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      resolve(`${error.code} ${error.message}`);
    });
    child.once('close', () => resolve(words));
  });
  const line = new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      if (text.endsWith('\n')) resolve(text.trim());
    });
    void ended.then((last) => reject(failure(action, last)));
  });
  line.catch(() => {});
  return { line, ended };
}

/**
 * Opens a tap or tun device of the kernel, brings it up, and returns its other end. Configure addresses and routes
 * by `ip`, as for any device. Needs Linux, CAP_NET_ADMIN (or a device that was made for this user by
 * `ip tuntap add`) and, once, a C compiler.
 *
 * @param options - Type and name of the device, its namespace, MTU and MAC.
 * @returns The device, up: an endpoint for connect().
 * @throws {NetError} ENOTSUP if this is not Linux, EPERM or EACCES without the rights, ENOENT without a C compiler,
 *   /dev/net/tun or that namespace, EBUSY if the device is in use, EINVAL for an option that is unknown, out of range or
 *   refused by the kernel.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { connect } from 'ringstack/link';
 * import { openTap } from 'ringstack/tap';
 *
 * const stack = await createStack();
 * const ours = await stack.createTapInterface({ ip: '10.77.0.2/24' });
 * const kernel = await openTap({ name: 'ring%d' }).catch((error) => error.code);
 * if (typeof kernel === 'string') assert.match(kernel, /ENOTSUP|EPERM|EACCES|ENOENT/);
 * else {
 *   const link = connect(ours, kernel); // and now: ip addr add 10.77.0.1/24 dev ring0
 *   await kernel.close();
 *   await link.closed;
 * }
 * await stack.close();
 * ```
 */
export async function openTap(options: TapOptions = {}): Promise<KernelDevice> {
  checkOptions('Cannot open a device', options, RULES);
  const { type = 'tap', name = '-', namespace = '-', mtu, mac = '-' } = options;
  const action = `Cannot open a ${type} device${name === '-' ? '' : ` ${name}`}`;
  if (process.platform !== 'linux') {
    throw new NetError('ENOTSUP', action, { reason: `this is ${process.platform}, not Linux` });
  }
  const program = options.helper ?? (await buildTapHelper());
  const folder = await mkdtemp(join(tmpdir(), 'ringstack-'));
  const path = join(folder, 'tap');
  const helper = start(program, [path, type, name, `${mtu ?? '-'}`, mac, namespace], action);
  const inlet = new Inlet();
  let socket: Socket | undefined;
  try {
    const line = await helper.line;
    socket = connect({ path, onread: inlet.onread });
    await once(socket, 'connect');
    return new KernelDevice(socket, inlet, helper, line, options);
  } catch (error) {
    socket?.destroy();
    if (error instanceof NetError) throw error;
    throw failure(action, await helper.ended); // it ended before it was connected to
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
