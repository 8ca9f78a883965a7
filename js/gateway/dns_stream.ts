// SPDX-License-Identifier: MIT
// dns_stream - DNS over a connection of a guest that meant another name server

import type { StreamConnection } from '../api/transport.ts';
import { DnsFrames, frameDns } from '../codec/dns_stream.ts';
import { reset } from './relay.ts';

/** ms that a connection may be without a whole message. */
const IDLE = 10_000;

/**
 * Answers the queries of a connection, one after the other.
 *
 * @param connection - The guest's.
 * @param answer - Answers a query.
 * @returns When the guest has ended.
 * @throws If the connection fails, is idle, or answer() throws: it is reset then.
 */
export async function serveDnsStream(
  connection: StreamConnection,
  answer: (query: Uint8Array) => Promise<Uint8Array>,
): Promise<void> {
  const frames = new DnsFrames();
  const writer = connection.writable.getWriter();
  writer.closed.catch(() => {});
  const stop = (): void => reset(connection, new Error('it was idle'));
  let timer = setTimeout(stop, IDLE);
  try {
    for await (const chunk of connection) {
      frames.push(chunk);
      for (let query = frames.next(); query; query = frames.next()) {
        clearTimeout(timer);
        await writer.write(frameDns(await answer(query)));
        timer = setTimeout(stop, IDLE);
      }
    }
    await writer.close();
    await connection.close();
  } catch (error) {
    reset(connection, error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
