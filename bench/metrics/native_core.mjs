// SPDX-License-Identifier: MIT
// native_core - the same core and lwipopts.h built natively with -O3 (bench/native/), ring level in C
//
// params: mtu, checksum, warm, timed. The difference to it is the cost of wasm and JavaScript.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Skip } from '../lib/skip.mjs';
import { gbps } from '../lib/timed.mjs';

const BUILT = fileURLToPath(new URL('../../build/native/', import.meta.url));

export default {
  run({ mtu, checksum, warm, timed }) {
    const [program, client, server] = ['core_pair', 'core_client.so', 'core_server.so'].map(
      (name) => BUILT + name,
    );
    if (!existsSync(program)) throw new Skip('not built: `make bench` builds it');
    const numbers = [mtu, checksum ? 1 : 0, warm, timed].map(String);
    const options = { encoding: 'utf8', stdio: 'pipe' };
    const output = execFileSync(program, [client, server, ...numbers], options);
    const result = JSON.parse(output);
    return { gbps: gbps(result), nsPerPacket: (result.ms * 1e6) / result.packets };
  },
};
