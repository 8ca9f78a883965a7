// SPDX-License-Identifier: MIT
// redis - ioredis and redis against Debian's redis-server, reached through its Unix socket by a proxy on the stack

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Redis from 'ioredis';
import { createClient } from 'redis';

const folder = mkdtempSync(join(tmpdir(), 'ringstack-redis-'));
const path = join(folder, 'redis.sock');
const daemon = spawn(
  'redis-server',
  ['--port', '0', '--unixsocket', path, '--save', '', '--dir', folder],
  { stdio: 'ignore' },
);
while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 20));
const proxy = net
  .createServer((socket) => socket.pipe(net.connect(path)).pipe(socket))
  .listen(6379);
const first = new Redis({ host: 'localhost' });
const big = 'x'.repeat(300_000);
await first.set('key', big);
assert.equal((await first.pipeline().get('key').incr('count').exec())[1][1], 1);
const second = await createClient({ url: 'redis://localhost:6379' }).connect();
assert.equal(await second.get('key'), big);
const heard = new Promise((resolve) =>
  second
    .duplicate()
    .connect()
    .then(async (reader) => {
      await reader.subscribe('news', (message) => resolve([message, reader]));
      await first.publish('news', 'hello');
    }),
);
const [message, reader] = await heard;
assert.equal(message, 'hello');
reader.destroy();
await Promise.all([first.quit(), second.close()]);
proxy.close();
daemon.kill();
await once(daemon, 'exit');
rmSync(folder, { recursive: true });
