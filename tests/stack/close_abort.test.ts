// SPDX-License-Identifier: MIT
// close_abort.test - a writable that is closing can still be aborted

import { expect, test } from 'vitest';
import { ignore, loopbackEnds, outcome, readAll, settle } from '../helpers/net.ts';

test('aborting a writable that waits for the peer to take its end', async () => {
  const { client, server } = await loopbackEnds({ listen: { receiveBuffer: 65536 } });
  const writer = client.writable.getWriter();
  await writer.write(new Uint8Array(300_000));
  const closing = outcome(writer.close());
  await settle();
  writer.abort().catch(ignore);
  expect(await closing).not.toBe('ok');
  await expect(readAll(server.readable)).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test.each([
  ['its writer', (writer: WritableStreamDefaultWriter) => writer.abort()],
  [
    'a pipe',
    (writer: WritableStreamDefaultWriter, writable: WritableStream) => {
      writer.releaseLock();
      return new ReadableStream().pipeTo(writable, { signal: AbortSignal.abort() });
    },
  ],
])('aborting a writable by %s in the task that closes it', async (_, abort) => {
  const { client, server } = await loopbackEnds({ listen: { receiveBuffer: 65536 } });
  const writer = client.writable.getWriter();
  await writer.write(new Uint8Array(300_000));
  const closing = outcome(writer.close());
  abort(writer, client.writable).catch(ignore);
  expect(await closing).not.toBe('ok');
  await expect(readAll(server.readable)).rejects.toMatchObject({ code: 'ECONNRESET' });
});
