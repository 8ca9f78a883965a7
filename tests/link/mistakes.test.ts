// SPDX-License-Identifier: MIT
// mistakes.test - wrong arguments and options of links and adapters: the error names the option, value and range

import { createFault } from 'ringstack/fault';
import {
  connect,
  FrameEndpoint,
  type LinkEndpoint,
  plugEndpoint,
  wrapEndpoint,
} from 'ringstack/link';
import { createCapture, writePcapng } from 'ringstack/pcap';
import { connectQemu, listenQemu, openQemu, openQemuDatagram } from 'ringstack/qemu';
import { openTap } from 'ringstack/tap';
import { connectV86, createV86NetworkStream, type V86Emulator } from 'ringstack/v86';
import { acceptWebSocket, connectWebSocket } from 'ringstack/websocket';
import { describe, expect, test } from 'vitest';
import { openPair, openStack, outcome, until } from '../helpers/net.ts';

/** Values of types that the compiler would refuse. */
const wrong = (value: unknown): never => value as never;

const emulator = { add_listener: () => {}, remove_listener: () => {} } as V86Emulator;
const loop = (): LinkEndpoint => new TransformStream<Uint8Array, Uint8Array>();
const driver = { send: () => true, ready: async () => {} };
const frame = { interface: 0, time: 0, bytes: new Uint8Array(60) };

/** The error of a call of any kind. */
async function failureOf(call: () => unknown): Promise<{ code?: string; message: string }> {
  try {
    await call();
  } catch (error) {
    return error as { code?: string; message: string };
  }
  throw new Error('it did not fail');
}

describe('EINVAL with the option, its value and its range', () => {
  test.each<[string, RegExp, () => unknown]>([
    ['connect() of nothing', /the first must be an endpoint/, () => connect(wrong(0), loop())],
    ['connect() to an object', /the second must be an endpoint/, () => connect(loop(), wrong({}))],
    [
      'connect() with a string of options',
      /with the options 'x': must be an object/,
      () => connect(loop(), loop(), wrong('x')),
    ],
    [
      'connect() with an unknown option',
      /with the option 'mtu': must be one of 'allowMtuMismatch', 'signal'$/,
      () => connect(loop(), loop(), wrong({ mtu: 1500 })),
    ],
    [
      'connect() with a signal that is none',
      /signal true: must be an AbortSignal$/,
      () => connect(loop(), loop(), { signal: wrong(true) }),
    ],
    ['plugEndpoint() of nothing', /must be an endpoint/, () => plugEndpoint(wrong(null), driver)],
    [
      'plugEndpoint() without a sink',
      /receiver.send undefined: must be a function$/,
      () => plugEndpoint(loop(), wrong({})),
    ],
    ['wrapEndpoint() of a number', /must be an endpoint/, () => wrapEndpoint(wrong(1), {})],
    [
      'wrapEndpoint() with a lane that is none',
      /incoming 1: must be a function$/,
      () => wrapEndpoint(loop(), { incoming: wrong(1) }),
    ],
    [
      'an endpoint with a small MTU',
      /mtu 67: must be a whole number from 68 to 65535 bytes$/,
      () => new FrameEndpoint(driver, { mtu: 67 }),
    ],
    [
      'an endpoint of another type',
      /type 'tab': must be one of 'tap', 'tun'$/,
      () => new FrameEndpoint(driver, { type: wrong('tab') }),
    ],
    ['an endpoint without a driver', /driver.send/, () => new FrameEndpoint(wrong(undefined))],
    ['createFault() with null', /options/, () => createFault(wrong(null))],
    [
      'createFault() with an unknown option',
      /the option 'loss': must be one of/,
      () => createFault(wrong({ loss: 1 })),
    ],
    [
      'createFault() with a probability above 1',
      /drop 2: must be from 0 to 1$/,
      () => createFault({ incoming: { drop: 2 } }),
    ],
    [
      'createFault() with a delay that is no number',
      /delay NaN: must be from 0 to/,
      () => createFault({ delay: Number.NaN }),
    ],
    ['createFault() with a seed of text', /seed 'x'/, () => createFault({ seed: wrong('x') })],
    [
      'a direction that is none',
      /direction 'both'/,
      () => createFault().set({ drop: 0 }, wrong('both')),
    ],
    [
      'createCapture() with an unknown option',
      /'snaplen'/,
      () => createCapture(wrong({ snaplen: 1 })),
    ],
    [
      'a capture with a long name',
      /name '.*: must be a string of at most 65535 bytes$/,
      () => createCapture().wrap(loop(), { name: 'ä'.repeat(32_768) }),
    ],
    ['a capture of nothing', /must be an endpoint/, () => createCapture().wrap(wrong(undefined))],
    [
      'writePcapng() with a long name',
      /at most 65535 bytes$/,
      () => writePcapng(['x'.repeat(65_536)], []),
    ],
    [
      'writePcapng() with a long comment',
      /comment/,
      () => writePcapng(['x'], [{ ...frame, comment: 'x'.repeat(65_536) }]),
    ],
    [
      'writePcapng() with a time that is no number',
      /time NaN: must be from 0 to 18446744073709 ms$/,
      () => writePcapng(['x'], [{ ...frame, time: Number.NaN }]),
    ],
    [
      'writePcapng() without a time',
      /time undefined/,
      () => writePcapng(['x'], [wrong({ interface: 0, bytes: frame.bytes })]),
    ],
    [
      'writePcapng() with an interface without a name',
      /interface 1: must be a whole number from 0 to 0$/,
      () => writePcapng(['x'], [{ ...frame, interface: 1 }]),
    ],
    ['connectQemu() without options', /options undefined/, () => connectQemu(wrong(undefined))],
    [
      'connectQemu() to port 0',
      /port 0: must be .* from 1 to 65535$/,
      () => connectQemu({ port: 0 }),
    ],
    ['connectQemu() with a port of text', /port '1'/, () => connectQemu({ port: wrong('1') })],
    [
      'connectQemu() with an unknown option',
      /'reconect'/,
      () => connectQemu(wrong({ port: 1, reconect: true })),
    ],
    [
      'connectQemu() that reconnects after a negative time',
      /Cannot reconnect with least -1: must be a whole number from 0 to \d+ ms$/,
      () => connectQemu({ port: 1, reconnect: { least: -1 } }),
    ],
    ['listenQemu() with a bad backlog', /backlog -1/, () => listenQemu({ port: 0, backlog: -1 })],
    [
      'openQemu() of no stream',
      /from 1: must be a stream of Node$/,
      () => openQemu(wrong(1), wrong(1)),
    ],
    ['openQemuDatagram() without a port', /port undefined/, () => openQemuDatagram(wrong({}))],
    [
      'openQemuDatagram() with a prefix of text',
      /prefix 'x': must be a Uint8Array$/,
      () => openQemuDatagram({ port: 1, prefix: wrong('x') }),
    ],
    [
      'a WebSocket that is none',
      /socket.send undefined: must be a function$/,
      () => acceptWebSocket({}),
    ],
    [
      'a close code of the protocol',
      /closeCode 1006: must be a whole number from 3000 to 4999$/,
      () => connectWebSocket('ws://127.0.0.1:9', { closeCode: 1006 }),
    ],
    [
      'a close reason that does not fit',
      /closeReason .* at most 123 bytes$/,
      () => connectWebSocket('ws://127.0.0.1:9', { closeReason: 'x'.repeat(124) }),
    ],
    [
      'a URL that WebSocket refuses',
      /^Cannot connect to not a URL: /,
      () => connectWebSocket('not a URL', { WebSocket: throwing(() => true) }),
    ],
    [
      'createV86NetworkStream() of nothing',
      /emulator.add_listener undefined/,
      () => createV86NetworkStream(wrong({})),
    ],
    [
      'a card out of range',
      /nic 256: must be a whole number from 0 to 255$/,
      () => createV86NetworkStream(emulator, { nic: 256 }),
    ],
    [
      'an unknown option of a card',
      /'mut'/,
      () => createV86NetworkStream(emulator, wrong({ mut: 1 })),
    ],
    [
      'connectV86() with a string of options',
      /options 'x': must be an object$/,
      async () => connectV86(await openStack(), emulator, wrong('x')),
    ],
  ])('%s', async (_, message, call) => {
    const error = await failureOf(call);
    expect(error.code).toBe('EINVAL');
    expect(error.message).toMatch(message);
  });

  test.each([
    ['name', 'sixteen_letters_'],
    ['name', 'ten_pence_€€€'],
    ['name', 'a b'],
    ['name', 'a/b'],
    ['name', '..'],
    ['name', '-'],
    ['name', ''],
    ['namespace', 'x'.repeat(4096)],
    ['namespace', 'a\0b'],
    ['namespace', '-'],
    ['mac', '02-00-00-00-00-01'],
    ['mtu', 67],
    ['type', 'tunnel'],
  ])('openTap() with a %s of %j', async (name, value) => {
    const error = await failureOf(() => openTap({ [name]: value }));
    expect(error.code).toBe('EINVAL');
    expect(error.message).toMatch(new RegExp(`^Cannot open a device with ${name} `));
  });
});

/** A class that throws, as WebSocket does for a bad URL, when a condition holds. */
function throwing(when: () => boolean, before?: () => unknown) {
  return class {
    readyState = 0;
    bufferedAmount = 0;
    binaryType = '';
    constructor() {
      if (when()) throw new SyntaxError('The URL is invalid');
      before?.();
    }
    addEventListener(type: string, listener: (event: object) => void): void {
      if (type === 'open') setTimeout(listener, 0, {});
      if (type === 'close') setTimeout(listener, 1, { code: 1006 });
    }
    send(): void {}
    close(): void {}
  };
}

test('a WebSocket constructor that throws on reconnect ends the endpoint', async () => {
  let made = 0;
  const WebSocket = throwing(
    () => made > 0,
    () => made++,
  );
  const reconnect = { least: 1, most: 1 };
  const endpoint = await connectWebSocket('ws://127.0.0.1:9', { WebSocket, reconnect });
  await expect(endpoint.closed).rejects.toMatchObject({
    code: 'EINVAL',
    message: 'Cannot connect to ws://127.0.0.1:9: The URL is invalid',
  });
  expect(endpoint.isOpen).toBe(false);
});

test('a tap and a tun, or unequal MTUs, are refused whichever form they have', async () => {
  const stack = await openStack();
  const tap = await stack.createTapInterface({ mtu: 1500 });
  const tun = await stack.createTunInterface({ mtu: 1500 });
  const small = await stack.createTapInterface({ mtu: 1400 });
  const forms = [(one: LinkEndpoint) => one, (one: LinkEndpoint) => wrapEndpoint(one, {})];
  for (const form of forms) {
    const mixed = await failureOf(() => connect(form(tap), tun));
    expect(mixed).toMatchObject({ code: 'EINVAL' });
    expect(mixed.message).toMatch(/one is a tap, the other a tun$/);
    const unequal = await failureOf(() => connect(tap, form(small)));
    expect(unequal).toMatchObject({ code: 'EMSGSIZE' });
    expect(unequal.message).toMatch(/their MTUs are 1500 and 1400$/);
  }
  expect(tap.readable.locked).toBe(false);
});

test('a link counts the bytes that it copies: once a frame into a ring, none over a wire', async () => {
  const { a, tapA, tapB } = await openPair();
  const wire = connect(tapA, tapB);
  expect(await outcome(a.connectTcp({ host: '10.0.0.2', port: 9 }))).toBe('ECONNREFUSED');
  const { aToB } = wire.statistics;
  expect(aToB.frames).toBeGreaterThan(0);
  expect(aToB.bytesCopied).toBe(0);
  await wire.close();
  const link = connect(wrapEndpoint(tapA, {}), tapB);
  expect(await outcome(a.connectTcp({ host: '10.0.0.2', port: 9 }))).toBe('ECONNREFUSED');
  await until(() => link.statistics.bToA.frames > 0);
  for (const lane of [link.statistics.aToB, link.statistics.bToA]) {
    expect(lane.bytesCopied).toBeGreaterThanOrEqual(lane.bytes);
    expect(lane.bytesCopied).toBeLessThanOrEqual(2 * lane.bytes);
  }
});
