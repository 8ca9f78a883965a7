// SPDX-License-Identifier: MIT
// fixture - runs the two ends of a measurement on this thread, in any runtime
//
// A metric has `server(host, params, context)` and `client(host, params, context)`; a host can listen
// and connect. The server calls context.ready(port) once it listens, then the client starts. Both
// share the words of lib/meter.mjs (context.phase). A setup opens a fixture: run(metric, params) gives the results
// of both ends.

import { PHASE_WORDS } from './meter.mjs';

/** Both ends on this thread. */
export function localFixture(client, server) {
  return {
    client,
    server,
    async run(metric, params) {
      const { default: peers } = await import(`../metrics/${metric}.mjs`);
      const phase = new Int32Array(PHASE_WORDS);
      let serving;
      const port = await new Promise((resolve, reject) => {
        serving = peers.server(server, params, { phase, ready: resolve });
        serving.catch(reject);
      });
      const results = [peers.client(client, params, { phase, port }), serving];
      const [clientResult, serverResult] = await Promise.all(results);
      return { client: clientResult, server: serverResult };
    },
  };
}
