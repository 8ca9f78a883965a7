// SPDX-License-Identifier: MIT
// unreachable.test - ICMP errors about packets of ours end what cannot go on, and nothing else

import { describe, expect, test } from 'vitest';
import { icmp6Error, icmpError, TCP_FLAG, tcpFlags } from '../helpers/frames.ts';
import { bytes, outcome, settle } from '../helpers/net.ts';
import { handHost } from '../helpers/udp.ts';

const TIMEOUT = 100_000;
const isSyn4 = (packet: Uint8Array): boolean => tcpFlags(packet) === TCP_FLAG.syn;
const isSyn6 = (packet: Uint8Array): boolean => packet[0] === 0x60 && packet[6] === 6;

describe('a connection that is being opened', () => {
  test.each([
    ['port unreachable', 3, 3, '10.0.0.2', 'ECONNREFUSED'],
    ['host unreachable', 3, 1, '192.0.2.7', 'EHOSTUNREACH'],
    ['administratively prohibited', 3, 13, '192.0.2.8', 'EHOSTUNREACH'],
  ] as const)('fails at once: %s', async (_, type, code, host, name) => {
    const { stack, send, next } = await handHost();
    const failed = outcome(stack.connectTcp({ host, port: 80, timeout: TIMEOUT }));
    await send(icmpError('10.0.0.2', type, code, await next(isSyn4)));
    expect(await failed).toBe(name);
  });

  test.each([
    ['port unreachable', 4, 'ECONNREFUSED'],
    ['no route', 0, 'EHOSTUNREACH'],
    ['administratively prohibited', 1, 'EHOSTUNREACH'],
  ] as const)('fails at once over IPv6: %s', async (_, code, name) => {
    const { stack, send, next } = await handHost();
    const failed = outcome(stack.connectTcp({ host: 'fd00::2', port: 80, timeout: TIMEOUT }));
    await send(icmp6Error(1, code, await next(isSyn6)));
    expect(await failed).toBe(name);
  });

  test('goes on after an error about a packet that is none of ours', async () => {
    const { stack, send, next } = await handHost();
    let over = '';
    const abort = new AbortController();
    const connecting = outcome(
      stack.connectTcp({ host: '10.0.0.2', port: 80, signal: abort.signal }),
    ).then((code) => {
      over = code;
    });
    const syn = await next(isSyn4);
    const sequence = syn.slice();
    sequence[27] = (sequence[27] ?? 0) ^ 0xff;
    await send(icmpError('10.0.0.2', 3, 3, sequence));
    const port = syn.slice();
    port[21] = (port[21] ?? 0) ^ 0xff;
    await send(icmpError('10.0.0.2', 3, 3, port));
    await send(icmpError('10.0.0.2', 11, 0, syn));
    await settle();
    expect(over).toBe('');
    abort.abort();
    await connecting;
    expect(over).toBe('AbortError');
  });
});

describe('a connected UDP socket', () => {
  test.each([
    [3, 3, 'ECONNREFUSED'],
    [3, 1, 'EHOSTUNREACH'],
    [11, 0, 'EHOSTUNREACH'],
  ] as const)('is told of ICMP %i, %i: %s', async (type, code, name) => {
    const { stack, send, next } = await handHost();
    const socket = await stack.openUdp({ remote: { host: '192.0.2.7', port: 53 } });
    const received = outcome(socket.receive());
    await socket.send(bytes('x'));
    await send(icmpError('10.0.0.2', type, code, await next((packet) => packet[9] === 17)));
    expect(await received).toBe(name);
  });

  test('is not told of what another has sent', async () => {
    const { stack, send, next } = await handHost();
    const remote = { host: '192.0.2.7', port: 53 };
    const socket = await stack.openUdp({ remote });
    const other = await stack.openUdp();
    await other.send(bytes('x'), remote);
    await send(icmpError('10.0.0.2', 3, 3, await next((packet) => packet[9] === 17)));
    await settle();
    expect(socket.statistics.txDropped).toBe(0);
    expect(other.statistics.txDropped).toBe(0);
  });
});
