// SPDX-License-Identifier: MIT
// retry.test - a receiver that says it is ready and refuses all the same keeps nobody from anything

import { connect, FrameEndpoint, type FrameSink, plugEndpoint } from 'ringstack/link';
import { expect, test } from 'vitest';
import { ignore, openStack, until } from '../helpers/net.ts';

/** Refuses until the event loop has gone round, and promises at once that it does not. */
function liar(): FrameSink & { readonly got: Uint8Array[] } {
  const got: Uint8Array[] = [];
  let isFree = false;
  return {
    got,
    send(frame) {
      if (isFree) got.push(frame.slice());
      else {
        setTimeout(() => {
          isFree = true;
        }, 5);
      }
      return isFree;
    },
    ready: () => Promise.resolve(),
  };
}

const FRAME = new Uint8Array(60).fill(7);

test('a driver and who writes to its stream', async () => {
  const sink = liar();
  const endpoint = new FrameEndpoint(sink);
  await endpoint.writable.getWriter().write(FRAME);
  expect(sink.got).toEqual([FRAME]);
});

test('a receiver and the queue of an endpoint', async () => {
  const sink = liar();
  let push = (_: Uint8Array): void => {};
  const endpoint = new FrameEndpoint({
    start: (controller) => {
      push = controller.push;
    },
    send: () => true,
    ready: () => Promise.resolve(),
  });
  endpoint.plug(sink);
  push(FRAME);
  await until(() => sink.got.length === 1);
  expect(sink.got).toEqual([FRAME]);
});

test('a receiver and two streams', async () => {
  const sink = liar();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  plugEndpoint({ readable, writable: new WritableStream() }, sink);
  await writable.getWriter().write(FRAME);
  await until(() => sink.got.length === 1);
  expect(sink.got).toEqual([FRAME]);
});

test('a driver and an interface, which can be removed while it waits', async () => {
  const stack = await openStack();
  const tap = await stack.createTapInterface({ ip: '10.0.0.1/24' });
  const sink = liar();
  const link = connect(tap, new FrameEndpoint(sink));
  stack.connectTcp({ host: '10.0.0.2', port: 80, timeout: 1000 }).catch(ignore);
  await until(() => sink.got.length > 0);
  await link.close();

  const never = connect(
    tap,
    new FrameEndpoint({ send: () => false, ready: () => new Promise(ignore) }),
  );
  stack.connectTcp({ host: '10.0.0.3', port: 80, timeout: 1000 }).catch(ignore);
  await until(() => tap.statistics.txPackets > 1);
  await stack.removeInterface(tap);
  await never.closed;
});
