// SPDX-License-Identifier: MIT
// process_life.test - what keeps a process alive: a listener, a connection, a socket; not a stack, nor its thread

import { describe, expect, test } from 'vitest';
import { ENGINE, NO_PROCESSES, runProgram } from '../helpers/runtime.ts';

const DIST = new URL('../../dist/index.js', import.meta.url).href;

/**
 * Runs the lines of a program, then says whether the process ends by itself. If something keeps it alive, a timer that does
 * not count ends it.
 */
async function endOf(lines: string): Promise<string> {
  const printed = await runProgram(`
    import { createStack } from '${DIST}';
    const stack = await createStack({ engine: '${ENGINE}' });
    ${lines}
    let end = 'over';
    process.on('exit', () => console.log(end));
    setTimeout(() => { end = 'alive'; process.exit(); }, 1000).unref();`);
  return printed.trim();
}

const PAIR = `
    const listener = await stack.listenTcp({ port: 80 });
    const connection = await stack.connectTcp({ host: '127.0.0.1', port: 80 });
    const accepted = await listener.accept();`;

describe.skipIf(NO_PROCESSES)('a process', () => {
  test.each([
    ['an idle stack', ''],
    ['a tap that is read', '(await stack.createTapInterface()).readable.getReader().read();'],
    ['a ping session', "await stack.createPingSession({ host: '127.0.0.1' });"],
    ['a listener that is unref()ed', '(await stack.listenTcp({ port: 80 })).unref();'],
    ['a UDP socket that is unref()ed', '(await stack.openUdp()).unref();'],
    ['an ICMP socket that is unref()ed', '(await stack.openIcmp()).unref();'],
    [
      'an open connection that is unref()ed, and packets of a moment ago',
      `${PAIR}
    await accepted.writable.getWriter().write(new Uint8Array(1000));
    connection.unref(); accepted.unref(); listener.unref();`,
    ],
    [
      'a connection that is closed',
      `${PAIR}
    await Promise.all([connection.close(), accepted.close(), listener.close()]);`,
    ],
    [
      'a connection that was reset',
      `${PAIR} connection.abort(); listener.close();
    await accepted.closed.catch(() => {});`,
    ],
    ['sockets of a stack that is closed', `${PAIR} await stack.openUdp(); await stack.close();`],
  ])('ends in spite of %s', async (_, lines) => {
    expect(await endOf(lines)).toBe('over');
  });

  test.each([
    ['a listener', 'await stack.listenTcp({ port: 80 });'],
    ['a UDP socket', 'await stack.openUdp({ port: 53 });'],
    ['an open connection', `${PAIR} await listener.close(); accepted.unref();`],
    ['a connection that was accepted', `${PAIR} await listener.close(); connection.unref();`],
    [
      'a listener after unref() and ref()',
      'const l = await stack.listenTcp({ port: 80 }); l.unref().ref();',
    ],
    [
      'a connect that has no answer',
      `const tap = await stack.createTapInterface({ ip: '10.0.0.1/24' });
    tap.readable.getReader();
    stack.connectTcp({ host: '10.0.0.2', port: 80 }).catch(() => {});`,
    ],
    [
      'an attached connection',
      `const { attach } = await import('${DIST}');${PAIR}
    const here = await attach(structuredClone(await accepted.share()));
    connection.unref(); listener.unref();`,
    ],
    [
      'an attached interface',
      `const { attach } = await import('${DIST}');
    const tap = await stack.createTapInterface();
    await attach(structuredClone(await tap.share()));`,
    ],
  ])('is kept alive by %s', async (_, lines) => {
    expect(await endOf(lines)).toBe('alive');
  });
});
