// SPDX-License-Identifier: MIT
// transfer - one whole transfer of a size, every byte checked, connect and close included
//
// params: kind (see lib/workloads), bytes. `make bench-compare` times it from outside.

import { Check, Content } from '../lib/content.mjs';
import { receive, send } from '../lib/workloads.mjs';

const BLOCK = 64 * 1024;

const contentOf = () => new Content(0x5eed, BLOCK);

export default {
  async server(host, params, { ready }) {
    const listener = await host.listen();
    ready(listener.port);
    const check = new Check(contentOf());
    await receive(params.kind, await listener.accept(), (chunk) => check.take(chunk, true));
    if (!check.ok) throw new Error('what arrived is not what was sent');
    return { bytes: check.position };
  },

  async client(host, params, { port }) {
    const next = contentOf().writes();
    let left = params.bytes;
    await send(params.kind, await host.connect(port), () => {
      if (left === 0) return undefined;
      const unit = next();
      const chunk = left < unit.length ? unit.subarray(0, left) : unit;
      left -= chunk.length;
      return chunk;
    });
  },

  merge({ server }, { bytes }) {
    if (server.bytes !== bytes) throw new Error(`${server.bytes} of ${bytes} bytes arrived`);
    return { bytes };
  },
};
