// SPDX-License-Identifier: MIT
// rr - TCP_RR: request and response of 64 bytes on one connection, one at a time
//
// params: kind (native, else web streams with default readers), warm, timed (ms). Latencies that the clock
// cannot tell are left out or grouped, see lib/clock.

import { clockStep, latencyFigures } from '../lib/clock.mjs';
import { seededBytes } from '../lib/content.mjs';
import { messages } from '../lib/workloads.mjs';

const SIZE = 64;
const MOST = 1 << 20;

export default {
  async server(host, params, { ready }) {
    const listener = await host.listen();
    ready(listener.port);
    const ends = messages(params.kind, await listener.accept(), SIZE);
    const response = seededBytes(2, SIZE);
    let count = 0;
    for (; await ends.read(); count++) ends.write(response);
    await ends.close();
    return { count };
  },

  async client(host, params, { port }) {
    const ends = messages(params.kind, await host.connect(port), SIZE);
    const request = seededBytes(1, SIZE);
    const latencies = new Float64Array(MOST);
    const step = clockStep();
    const start = performance.now();
    let from = start;
    let count = 0;
    let all = 0;
    const end = start + params.warm + params.timed;
    // At least one, however slow.
    for (let now = start; (now < end || count === 0) && count < MOST; all++) {
      ends.write(request);
      if (!(await ends.read())) throw new Error('the peer ended');
      const then = now;
      now = performance.now();
      if (then - start >= params.warm) latencies[count++] = now - then;
      else from = now;
    }
    const ms = performance.now() - from;
    await ends.close();
    return { all, count, ms, step, ...latencyFigures(latencies.subarray(0, count), step) };
  },

  merge({ client, server }) {
    if (client.all !== server.count) throw new Error('not every request was answered');
    return {
      perS: (client.count / client.ms) * 1000,
      p50us: client.p50 * 1000,
      ...(client.p99 === undefined ? {} : { p99us: client.p99 * 1000 }),
      clockUs: client.step * 1000,
      group: client.group,
    };
  },
};
