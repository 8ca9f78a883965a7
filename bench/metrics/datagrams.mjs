// SPDX-License-Identifier: MIT
// datagrams - datagrams per second that arrive, one way, as fast as the sender can; and how many do not
//
// params: kind (see lib/datagrams), size (bytes), warm, timed (ms), tail (bytes), least (datagrams of the warm-up and of the
// timed part: a busy machine does little in its time, and all of it in cold code).

import { cpuCounter } from '../lib/cpu.mjs';
import { Datagrams, receiveAll, sendAll } from '../lib/datagrams.mjs';
import { Follower, Meter, STOP, TIMED } from '../lib/meter.mjs';

export default {
  async server(host, params, { phase, ready }) {
    const content = new Datagrams(params.size);
    const end = await host.openUdp();
    ready(end.port);
    const meter = new Meter(phase, cpuCounter, { ...params, least: params.least * params.size });
    let isRight = true;
    await receiveAll(params.kind, end, (data) => {
      if (!content.has(data, meter.phase() !== TIMED)) isRight = false;
      meter.add(data.length);
      return meter.phase() !== STOP;
    });
    // It is open as long as the sender may send: the kernel would refuse what comes.
    if (!isRight) throw new Error('what arrived is not what was sent');
    return meter.result();
  },

  async client(host, params, { phase, port }) {
    const end = await host.openUdp(port);
    const follower = new Follower(phase, () => ({}));
    const write = new Datagrams(params.size).writes();
    await sendAll(params.kind, end, () => {
      if (follower.phase() === STOP) return undefined;
      follower.add(params.size);
      return write();
    });
    await end.close();
    return follower.result();
  },

  merge({ client, server }, { size }) {
    const count = server.bytes / size;
    const sentPerMs = client.bytes / client.ms;
    return {
      perS: (count / server.ms) * 1000,
      gbps: (server.bytes * 8) / server.ms / 1e6,
      // Datagrams under way at the ends of the timed part make it seem a little less than none.
      lostPercent: Math.max(0, 1 - server.bytes / server.ms / sentPerMs) * 100,
      ...(server.cpu === undefined ? {} : { cpuNsEach: (server.cpu / count) * 1e9 }),
    };
  },
};
