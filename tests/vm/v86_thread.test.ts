// SPDX-License-Identifier: MIT
// v86_thread.test - Linux in v86 in a thread of its own, its card on an interface of a stack of another thread

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { createStack } from 'ringstack';
import { expect, test } from 'vitest';
import { nameOf } from '../../tools/entries.mjs';
import { buildGuest, buildState, guestOptions } from '../../tools/guest/v86_guest.mjs';
import { getHttp, serveHttp } from './lib/http.ts';
import { digestOf } from './lib/payload.ts';
import { testScope } from './lib/scope.ts';
import { ADDRESS } from './lib/v86.ts';

const SIZE = 20e6;
const VIRTIO = { type: 'virtio', mtu: 1500 } as const;
const at = (path: string): string => new URL(`../../${path}`, import.meta.url).href;
const built = (specifier: string): string => at(`dist/${nameOf(specifier)}.js`);
const content = (path: string): ArrayBuffer => new Uint8Array(readFileSync(path)).buffer;

test.each(['inline', 'worker'] as const)(
  'stack with engine %s, emulator in a worker',
  {
    timeout: 300_000,
  },
  async (engine) => {
    const scope = testScope();
    const stack = await createStack({ engine });
    scope.defer(() => stack.close());
    const tap = await stack.createTapInterface({ ip: `${ADDRESS.ours}/24` });
    const thread = new Worker(new URL('./lib/v86_thread.mjs', import.meta.url));
    scope.defer(() => thread.terminate());
    const call = async (message: unknown): Promise<string> => {
      thread.postMessage(message);
      const [{ output, error }] = await once(thread, 'message');
      if (error) throw new Error(error);
      return output;
    };
    const { bios, vgaBios } = buildGuest();
    await call({
      ours: {
        index: built('ringstack'),
        link: built('ringstack/link'),
        v86: built('ringstack/v86'),
      },
      guest: {
        module: at('node_modules/v86/build/libv86.mjs'),
        wasm: new URL('../../node_modules/v86/build/v86.wasm', import.meta.url).pathname,
        options: guestOptions(VIRTIO),
        bios: content(bios),
        vgaBios: content(vgaBios),
        state: content(await buildState(VIRTIO)),
      },
      handle: await tap.share(),
    });
    const run = (command: string): Promise<string> => call({ command });

    expect(await run(`ping -c 3 -i 0.1 ${ADDRESS.ours}`)).toContain(' 0% packet loss');
    await run(
      'for n in $(seq 20); do echo $n; cat /tmp/random; done >/tmp/big; ln -s /tmp/big /srv/big',
    );
    await run(`truncate -s ${SIZE} /tmp/big`);
    const sum = (await run('sha256sum /tmp/big')).split(' ')[0];
    const got = await getHttp(stack, ADDRESS.guest, '/big');
    expect(got).toEqual({ status: 200, digest: `${SIZE}-${sum}` });
    await serveHttp(stack);
    const back = await run(`wget -q -O - http://${ADDRESS.ours}/3/${SIZE} | sha256sum`);
    expect(`${SIZE}-${back.split(' ')[0]}`).toBe(digestOf(3, SIZE));
  },
);
