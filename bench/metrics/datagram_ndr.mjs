// SPDX-License-Identifier: MIT
// datagram_ndr - the greatest rate at which no datagram is lost, by binary search (RFC 2544, 26.1)
//
// params: kind (see lib/datagrams), size (bytes), trial (ms). In a trial the sender offers so many datagrams as the rate
// wants, in bursts as the clock has them due, one burst a turn of the event loop. It has passed if all arrive and the sender
// was not late. The search begins at twice the rate that failed last, and ends where the two are 2 % apart.

import { Datagrams, receiveAll } from '../lib/datagrams.mjs';

const FIRST = 10_000;
const APART = 1.02;
/** How late the end of a trial may be, and how long the last datagrams may take, ms. */
const LATE = 5;
const QUIET = 30;

const turn = () =>
  new Promise((resolve) => {
    if (globalThis.setImmediate) setImmediate(resolve);
    else setTimeout(resolve, 0);
  });

/** Sends one datagram now, or says that there is no room. */
const OFFER = {
  stream: ({ socket }, data) => socket.trySend(data),
  native: ({ socket }, data) => {
    socket.send(data);
    return true;
  },
};

/** One trial; whether nothing was lost. */
async function passes(rate, { kind, trial }, sender, write, received) {
  const offer = OFFER[kind];
  const count = Math.ceil((rate * trial) / 1000);
  const before = received();
  const start = performance.now();
  for (let sent = 0; sent < count; ) {
    const due = Math.min(count, Math.ceil((rate * (performance.now() - start)) / 1000));
    for (; sent < due; sent++) if (!offer(sender, write())) return false;
    await turn();
  }
  if (performance.now() - start > trial + LATE) return false;
  const end = performance.now() + QUIET;
  while (received() - before < count && performance.now() < end) await turn();
  return received() - before === count;
}

export default {
  async run(fixture, params) {
    const content = new Datagrams(params.size);
    const receiver = await fixture.server.openUdp();
    const sender = await fixture.client.openUdp(receiver.port);
    let count = 0;
    receiveAll(params.kind, receiver, (data) => {
      if (content.has(data, false)) count++;
      return true;
    }).catch(() => {});
    const write = content.writes();
    const trial = async (rate) => {
      const isPassed = await passes(rate, params, sender, write, () => count);
      // Datagrams that a failed trial left under way are not of the next one.
      if (!isPassed) await new Promise((resolve) => setTimeout(resolve, QUIET));
      return isPassed;
    };
    let low = FIRST;
    while (!(await trial(low)) && low > 1) low /= 2;
    let high = low * 2;
    for (; await trial(high); high *= 2) low = high;
    while (high / low > APART) {
      const middle = Math.sqrt(high * low);
      if (await trial(middle)) low = middle;
      else high = middle;
    }
    return { perS: low, gbps: (low * params.size * 8) / 1e9 };
  },
};
