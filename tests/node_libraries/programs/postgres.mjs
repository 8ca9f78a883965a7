// SPDX-License-Identifier: MIT
// postgres - pg and postgres.js against Debian's PostgreSQL, reached through its Unix socket by a proxy on the stack

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import postgres from 'postgres';

const [version] = readdirSync('/usr/lib/postgresql').sort().reverse();
const bin = join('/usr/lib/postgresql', version, 'bin');
const folder = mkdtempSync(join(tmpdir(), 'ringstack-postgres-'));
chmodSync(folder, 0o777);
// It refuses to run as root.
const isRoot = process.getuid() === 0;
const as = (command, args) =>
  isRoot
    ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', command, ...args]]
    : [command, args];
const data = join(folder, 'data');
execFileSync(...as(join(bin, 'initdb'), ['-D', data, '-A', 'trust', '-U', 'test', '--no-sync']), {
  stdio: 'ignore',
});
const daemon = spawn(...as(join(bin, 'postgres'), ['-D', data, '-k', folder, '-h', '', '-F']), {
  stdio: 'ignore',
});
const path = join(folder, '.s.PGSQL.5432');
while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 50));
const proxy = net
  .createServer((socket) =>
    socket
      .pipe(net.connect(path))
      .on('error', () => socket.destroy())
      .pipe(socket),
  )
  .listen(5432);
const options = { host: 'localhost', user: 'test', database: 'postgres' };

const client = new pg.Client(options);
let isReady = false;
for (let tries = 0; !isReady && tries < 50; tries++) {
  isReady = await client.connect().then(
    () => true,
    () => new Promise((resolve) => setTimeout(() => resolve(false), 100)),
  );
}
await client.query('create table numbers (n int)');
await client.query('insert into numbers select generate_series(1, 100000)');
const { rows } = await client.query('select * from numbers order by n');
assert.equal(rows.length, 100_000);
assert.equal(rows[99_999].n, 100_000);
const pool = new pg.Pool({ ...options, max: 4 });
const sums = await Promise.all(
  Array.from({ length: 20 }, (_, n) =>
    pool.query('select $1::int + sum(n) as sum from numbers', [n]),
  ),
);
assert.equal(Number(sums[19].rows[0].sum), 5_000_050_019);
await pool.end();
await client.end();

const sql = postgres(options);
const [{ count }] = await sql`select count(*)::int as count from numbers where n > ${50_000}`;
assert.equal(count, 50_000);
await sql.end();
proxy.close();
daemon.kill('SIGINT');
await once(daemon, 'exit');
rmSync(folder, { recursive: true });
