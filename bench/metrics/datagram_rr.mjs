// SPDX-License-Identifier: MIT
// datagram_rr - UDP_RR: a datagram of 64 bytes there and back, one at a time
//
// params: kind (see lib/datagrams), warm, timed (ms), least (round trips, see datagrams). Latencies as in rr.

import { clockStep, latencyFigures } from '../lib/clock.mjs';
import { seededBytes } from '../lib/content.mjs';
import { cpuCounter } from '../lib/cpu.mjs';
import { ECHOES, MESSAGES } from '../lib/datagrams.mjs';

const SIZE = 64;
const MOST = 1 << 20;

export default {
  async server(host, params, { ready }) {
    const end = await host.openUdp();
    ready(end.port);
    // Ends only with the process.
    ECHOES[params.kind](end).catch(() => {});
    return {};
  },

  async client(host, params, { port }) {
    const ends = MESSAGES[params.kind](await host.openUdp(port));
    const request = seededBytes(1, SIZE);
    const latencies = new Float64Array(MOST);
    const step = clockStep();
    const start = performance.now();
    let from = start;
    let cpu = cpuCounter().cpu;
    let count = 0;
    const { warm, timed, least } = params;
    let isWarm = false;
    let all = 0;
    for (let now = start; (now - from < timed || count < least) && count < MOST; ) {
      ends.write(request);
      if ((await ends.read()).length !== SIZE) throw new Error('what came back was not sent');
      const then = now;
      now = performance.now();
      if (isWarm) latencies[count++] = now - then;
      else {
        isWarm = ++all >= least && now - start >= warm;
        from = now;
        cpu = cpuCounter().cpu;
      }
    }
    const ms = performance.now() - from;
    const used = cpuCounter().cpu - cpu;
    return { count, ms, step, used, ...latencyFigures(latencies.subarray(0, count), step) };
  },

  merge({ client }) {
    return {
      perS: (client.count / client.ms) * 1000,
      p50us: client.p50 * 1000,
      ...(Number.isNaN(client.used) ? {} : { cpuNsEach: (client.used / client.count) * 1e9 }),
      ...(client.p99 === undefined ? {} : { p99us: client.p99 * 1000 }),
    };
  },
};
