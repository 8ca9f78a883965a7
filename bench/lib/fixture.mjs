// SPDX-License-Identifier: MIT
// fixture - runs the two ends of a measurement on this thread, in any runtime
//
// A measure has `server(host, params, context)` and `client(host, params, context)`; a host can listen
// and connect. The server calls context.ready(port) once it listens, then the client starts. Both
// share the words of lib/meter.mjs (context.phase). A bed is what a setup opens: run(measure, params) gives the results
// of both ends.

import { PHASE_WORDS } from './meter.mjs';

/** Both ends on this thread. */
export function bedHere(client, server) {
  return {
    client,
    server,
    async run(measure, params) {
      const { default: roles } = await import(`../metrics/${measure}.mjs`);
      const phase = new Int32Array(PHASE_WORDS);
      let serving;
      const port = await new Promise((resolve, reject) => {
        serving = roles.server(server, params, { phase, ready: resolve });
        serving.catch(reject);
      });
      const results = [roles.client(client, params, { phase, port }), serving];
      const [clientResult, serverResult] = await Promise.all(results);
      return { client: clientResult, server: serverResult };
    },
  };
}
