// SPDX-License-Identifier: MIT
// options.test - bad options are refused at once, with the option, its value and its range

import { createArena, createStack, NetError, type NetworkStack } from 'ringstack';
import { expect, test } from 'vitest';
import { loopbackEnds, openStack } from '../helpers/net.ts';

/** The message of a promise that rejects with EINVAL. */
async function refused(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => new Error('accepted'),
    (reason: unknown) => reason as Error,
  );
  expect(error).toBeInstanceOf(NetError);
  expect((error as NetError).code).toBe('EINVAL');
  return error.message;
}

/** Programs in JavaScript give anything. */
const any = (value: unknown): never => value as never;

test.each([
  ['worker', "the options 'worker': must be an object"],
  [null, 'the options null: must be an object'],
  [
    { engin: 'inline' },
    "the option 'engin': must be one of 'forwarding', 'hosts', 'initializeLoopback', ",
  ],
  [{ engine: 'fast' }, "engine 'fast': must be one of 'auto', 'inline', 'worker'"],
  [{ receiveBuffer: 99e9 }, 'receiveBuffer 99000000000: must be from 1 to 16777216 bytes'],
  [{ sendBuffer: 0 }, 'sendBuffer 0: must be from 1 to 16777216 bytes'],
  [{ maxSockets: 65536 }, 'maxSockets 65536: must be a whole number from 1 to 65535'],
  [{ startTimeout: -1 }, 'startTimeout -1: must be from 1 to 2147483647 ms'],
  [{ initializeLoopback: 'no' }, "initializeLoopback 'no': must be true or false"],
  [{ arena: {} }, 'arena an object: must be from createArena() or attach()'],
])('createStack(%j)', async (options, message) => {
  expect(await refused(createStack(any(options)))).toContain(
    `Cannot create a stack with ${message}`,
  );
});

test.each([
  [{ size: 1 }, 'size 1: must be from 1048576 to 4294901760 bytes'],
  [{ pages: 1 }, "the option 'pages': must be one of 'size', 'wasm'"],
])('createArena(%j)', async (options, message) => {
  expect(await refused(createArena(any(options)))).toBe(`Cannot create an arena with ${message}`);
});

const GOOD = { host: '127.0.0.1', port: 80 };
const HOST_ALONE = 'must be a host alone, without scheme, port and path';

test.each([
  [undefined, 'with the options undefined: must be an object'],
  ['127.0.0.1', "with the options '127.0.0.1': must be an object"],
  [{ port: 80 }, 'with host undefined: must be a string'],
  [{ host: '127.0.0.1' }, 'with port undefined: must be a whole number from 1 to 65535'],
  [{ ...GOOD, port: 0 }, 'with port 0: must be a whole number from 1 to 65535'],
  [{ ...GOOD, timeout: 2 ** 31 }, `with timeout ${2 ** 31}: must be from 0 to 2147483647 ms`],
  [
    { ...GOOD, keepAlive: -1 },
    'with keepAlive -1: must be true, false, or from 0 to 2147483647 ms',
  ],
  [{ ...GOOD, localPort: 1e6 }, 'with localPort 1000000: must be a whole number from 0 to 65535'],
  [{ ...GOOD, nodelay: true }, "with the option 'nodelay': must be one of 'host', 'port', "],
  [{ ...GOOD, host: 'http://127.0.0.1/' }, `to 'http://127.0.0.1/': ${HOST_ALONE}`],
  [{ ...GOOD, host: '127.0.0.1:80' }, `to '127.0.0.1:80': ${HOST_ALONE}`],
  [{ ...GOOD, host: '[::1]:80' }, `to '[::1]:80': ${HOST_ALONE}`],
  [{ ...GOOD, host: '127.0.0.1/8' }, `to '127.0.0.1/8': ${HOST_ALONE}`],
  [{ ...GOOD, host: '' }, `to '': ${HOST_ALONE}`],
  [{ ...GOOD, localAddress: '10.0.0.1:1' }, `from '10.0.0.1:1': ${HOST_ALONE}`],
])('connectTcp(%j)', async (options, message) => {
  const stack = await openStack();
  const text = await refused(stack.connectTcp(any(options)));
  expect(text).toContain(`Cannot connect ${message}`);
  expect(await refused(stack.tcp.connect(any(options)))).toBe(text);
});

test.each([
  [undefined, 'with the options undefined: must be an object'],
  [80, 'with the options 80: must be an object'],
  [{ port: 65536 }, 'with port 65536: must be a whole number from 0 to 65535'],
  [{ port: 80, backlog: 0 }, 'with backlog 0: must be a whole number from 1 to 65535'],
  [{ port: 80, timeout: 1 }, "with the option 'timeout': must be one of "],
  [{ port: 80, host: '*:80' }, `on '*:80': ${HOST_ALONE}`],
])('listenTcp(%j)', async (options, message) => {
  const stack = await openStack();
  expect(await refused(stack.listenTcp(any(options)))).toContain(`Cannot listen ${message}`);
});

test.each([
  ['tap', 'tap', "with the options 'tap': must be an object"],
  ['tap', { mtu: 575 }, 'with mtu 575: must be a whole number from 576 to 65520'],
  ['tap', { mtu: '1500' }, "with mtu '1500': must be a whole number from 576 to 65520"],
  ['tun', { ringSize: 2 ** 31 }, `with ringSize ${2 ** 31}: must be from 1 to 1073741824 bytes`],
  ['tun', { checksum: 0 }, 'with checksum 0: must be true or false'],
  ['tun', { mac: '02:00:00:00:00:01' }, "with the option 'mac': must be one of 'ip', "],
  [
    'loopback',
    { ip: ['10.0.0.1/8', '10.0.0.2/8'] },
    'with 10.0.0.1/8, 10.0.0.2/8: must be at most one IPv4 and 3 IPv6 addresses',
  ],
] as const)('create a %s interface with %j', async (type, options, message) => {
  const stack = await openStack();
  const create = {
    loopback: () => stack.createLoopbackInterface(any(options)),
    tun: () => stack.createTunInterface(any(options)),
    tap: () => stack.createTapInterface(any(options)),
  };
  expect(await refused(create[type]())).toContain(`Cannot create a ${type} interface ${message}`);
});

test('a keepAlive that is set is checked too', async () => {
  const { client } = await loopbackEnds();
  expect(() => {
    client.keepAlive = Number.NaN;
  }).toThrow(
    'Cannot use a connection with keepAlive NaN: must be true, false, or from 0 to 2147483647 ms',
  );
});

test.each(['localhost', 'LOCALHOST', 'localhost.', '127.0.0.1', '127.0.0.2', '::1', '[::1]'])(
  'a stack reaches itself as %s',
  async (host) => {
    const stack: NetworkStack = await openStack();
    const listener = await stack.listenTcp({ port: 0 });
    const connection = await stack.connectTcp({ host, port: listener.port });
    expect(connection.remotePort).toBe(listener.port);
  },
);

test('an interface of another stack cannot be removed', async () => {
  const [one, other] = [await openStack(), await openStack()];
  const tun = await one.createTunInterface();
  await expect(other.interfaces.remove(tun)).rejects.toMatchObject({
    code: 'ENODEV',
    message: 'Cannot remove an object: must be an interface of this stack',
  });
});
