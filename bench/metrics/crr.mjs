// SPDX-License-Identifier: MIT
// crr - TCP_CRR: connect, request and response of 64 bytes, close; one connection after the other
//
// params: kind (native, else web streams), warm, timed (ms).

import { seededBytes } from '../lib/content.mjs';
import { messages } from '../lib/workloads.mjs';

const SIZE = 64;

/** Serves connections until one ends without a request. */
async function serve(listener, kind) {
  const response = seededBytes(2, SIZE);
  let served = 0;
  for (;;) {
    const ends = messages(kind, await listener.accept(), SIZE);
    if (!(await ends.read())) return served;
    served++;
    ends.write(response);
    // Its end has come: ours follows, and nobody waits for it.
    ends.read().then(() => ends.close());
  }
}

export default {
  async server(host, params, { ready }) {
    const listener = await host.listen();
    ready(listener.port);
    return { served: await serve(listener, params.kind) };
  },

  async client(host, params, { port }) {
    const request = seededBytes(1, SIZE);
    const start = performance.now();
    let from = start;
    let count = 0;
    let all = 0;
    const end = start + params.warm + params.timed;
    // At least one, however slow.
    for (let now = start; now < end || count === 0; all++) {
      const ends = messages(params.kind, await host.connect(port), SIZE);
      ends.write(request);
      if (!(await ends.read())) throw new Error('the peer ended');
      await ends.close();
      now = performance.now();
      if (now - start < params.warm) from = now;
      else count++;
    }
    const ms = performance.now() - from;
    const last = messages(params.kind, await host.connect(port), SIZE);
    await last.close();
    return { all, count, ms };
  },

  merge({ client, server }) {
    if (client.all !== server.served) throw new Error('not every connection was served');
    return { perS: (client.count / client.ms) * 1000 };
  },
};
