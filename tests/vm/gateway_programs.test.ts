// SPDX-License-Identifier: MIT
// gateway_programs.test - `ringstack net` with Linux as the guest: what people run in a guest, whose servers no one here wrote

import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { OUTSIDE, openGatewayed, until } from './lib/gateway.ts';
import { whyNoKernel } from './lib/kernel.ts';
import { folder } from './lib/name_servers.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { findProgram } from './lib/process.ts';
import { testScope } from './lib/scope.ts';

const LONG = 120_000;
const WEB = ['--host', `mirror.example=${OUTSIDE.server}`];

beforeEach((context) => {
  needs(whyNoKernel(), context);
  for (const program of ['udhcpc', 'busybox']) needs(lacksProgram(program), context);
  const [, names = ''] = /^([\w, -]+):/.exec(context.task.name) ?? [];
  for (const program of names.split(', ')) needs(lacksProgram(program), context);
});

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
const run = (program: string, ...args: string[]): void => {
  execFileSync(findProgram(program) ?? program, args, { stdio: 'ignore' });
};

test('wget: goes on with a file that it has a part of', { timeout: LONG }, async () => {
  const scope = testScope();
  const net = await openGatewayed(scope, ...WEB);
  const data = randomBytes(8_000_000);
  const [dir, here] = [folder(scope, {}), folder(scope, {})];
  writeFileSync(join(dir, 'file'), data);
  writeFileSync(join(here, 'file'), data.subarray(0, 3_000_000));
  net.server('nginx', '-c', writeNginx(scope, dir), '-g', 'daemon off;');
  await until(net.server, OUTSIDE.server, 8000);
  const url = 'http://mirror.example:8000/file';
  const wget = net.guest('wget', '-c', '-S', '-O', join(here, 'file'), url);
  await wget.succeeded();
  expect(wget.output).toContain('206 Partial Content');
  expect(sha256(readFileSync(join(here, 'file')))).toBe(sha256(data));
});

/** A configuration of nginx, which knows ranges, that serves a folder at port 8000. */
function writeNginx(scope: ReturnType<typeof testScope>, root: string): string {
  const dir = folder(scope, {});
  const server = `server { listen 8000; root ${root}; autoindex on; }`;
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${dir}/${name};`)
    .join(' ');
  const http = `http { access_log off; ${paths} ${server} }`;
  const file = join(dir, 'nginx.conf');
  run('chmod', '-R', 'a+rX', dir, root);
  writeFileSync(file, `user root; pid ${dir}/pid; error_log ${dir}/error.log; events {} ${http}\n`);
  return file;
}

test('apt-get, dpkg-deb: installs from a mirror', { timeout: LONG }, async () => {
  const scope = testScope();
  const net = await openGatewayed(scope, ...WEB);
  const [mirror, state] = [folder(scope, {}), folder(scope, {})];
  const tree = join(folder(scope, {}), 'tree');
  mkdirSync(join(tree, 'DEBIAN'), { recursive: true });
  const fields = 'Package: ring\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@a.example>\n';
  writeFileSync(join(tree, 'DEBIAN/control'), `${fields}Description: a test\n`);
  writeFileSync(join(tree, 'content'), randomBytes(3_000_000));
  run('dpkg-deb', '-b', tree, join(mirror, 'ring.deb'));
  const deb = readFileSync(join(mirror, 'ring.deb'));
  const index = `${fields}Filename: ./ring.deb\nSize: ${deb.length}\nSHA256: ${sha256(deb)}\n\n`;
  writeFileSync(join(mirror, 'Packages'), index);
  net.server('nginx', '-c', writeNginx(scope, mirror), '-g', 'daemon off;');
  await until(net.server, OUTSIDE.server, 8000);
  for (const name of ['lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(state, name), { recursive: true });
  }
  writeFileSync(join(state, 'list'), 'deb [trusted=yes] http://mirror.example:8000/ ./\n');
  writeFileSync(join(state, 'status'), '');
  const options = [
    ...[`Dir::Etc::sourcelist=${state}/list`, 'Dir::Etc::sourceparts=-'],
    ...[`Dir::State::lists=${state}/lists`, `Dir::State::status=${state}/status`],
    ...[`Dir::Cache=${state}/cache`, 'APT::Sandbox::User=root', 'Acquire::Languages=none'],
  ].flatMap((one) => ['-o', one]);
  await net.guest('apt-get', ...options, 'update').succeeded();
  await net.guest('apt-get', ...options, '-y', '-d', 'install', 'ring').succeeded();
  const got = readFileSync(join(state, 'cache/archives/ring_1.0_all.deb'));
  expect(sha256(got)).toBe(sha256(deb));
});

test('git: clones by its own protocol, and pushes', { timeout: LONG }, async () => {
  const scope = testScope();
  const net = await openGatewayed(scope, '--host', `git.example=${OUTSIDE.server}`);
  const [base, work] = [folder(scope, {}), folder(scope, {})];
  const as = ['-c', 'user.name=a', '-c', 'user.email=a@a.example', '-c', 'safe.directory=*'];
  run('git', 'init', '-q', '--bare', '-b', 'main', join(base, 'r.git'));
  run('git', 'init', '-q', '-b', 'main', join(base, 'seed'));
  const data = randomBytes(5_000_000);
  writeFileSync(join(base, 'seed', 'data'), data);
  run('git', '-C', join(base, 'seed'), 'add', '.');
  run('git', '-C', join(base, 'seed'), ...as, 'commit', '-qm', 'one');
  run('git', '-C', join(base, 'seed'), 'push', '-q', join(base, 'r.git'), 'main');
  net.server(
    ...['git', '-c', 'safe.directory=*', 'daemon', '--export-all', '--reuseaddr'],
    ...['--enable=receive-pack', `--base-path=${base}`, '--port=9418'],
  );
  await until(net.server, OUTSIDE.server, 9418);
  const url = 'git://git.example/r.git';
  const clone = join(work, 'clone');
  await net.guest('git', 'clone', '-q', url, clone).succeeded();
  expect(sha256(readFileSync(join(clone, 'data')))).toBe(sha256(data));
  writeFileSync(join(clone, 'more'), randomBytes(2_000_000));
  await net.guest('git', '-C', clone, 'add', '.').succeeded();
  await net.guest('git', '-C', clone, ...as, 'commit', '-qm', 'two').succeeded();
  await net.guest('git', '-C', clone, 'push', '-q', 'origin', 'main').succeeded();
  const log = execFileSync('git', ['-C', join(base, 'r.git'), ...as, 'log', '--format=%s', 'main']);
  expect(log.toString()).toBe('two\none\n');
});

test('ssh, sshd, ssh-keygen: out, and in by a forwarded port', { timeout: LONG }, async () => {
  const scope = testScope();
  const at = `${OUTSIDE.host}:2222`;
  const net = await openGatewayed(scope, '--forward', `${at}:22`);
  const dir = folder(scope, {});
  for (const name of ['host', 'user']) {
    run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name));
  }
  run('cp', join(dir, 'user.pub'), join(dir, 'authorized'));
  run('chmod', '600', join(dir, 'authorized'), join(dir, 'user'), join(dir, 'host'));
  mkdirSync('/run/sshd', { recursive: true });
  const data = randomBytes(5_000_000);
  writeFileSync(join(dir, 'data'), data);
  const sshd = (port: number): string[] => [
    ...[findProgram('sshd') as string, '-D', '-e', '-f', '/dev/null', '-p', `${port}`],
    ...['-o', `HostKey=${dir}/host`, '-o', `AuthorizedKeysFile=${dir}/authorized`],
    ...['-o', 'StrictModes=no', '-o', 'PermitRootLogin=yes', '-o', 'UsePAM=no'],
  ];
  const ssh = (port: number, host: string): string[] => [
    ...['ssh', '-p', `${port}`, '-i', join(dir, 'user'), '-o', 'StrictHostKeyChecking=no'],
    ...['-o', 'UserKnownHostsFile=/dev/null', '-o', 'BatchMode=yes', `root@${host}`],
  ];
  net.server(...sshd(2022));
  await until(net.server, OUTSIDE.server, 2022);
  const sum = `sha256sum ${dir}/data; hostname -I`;
  expect(await net.guest(...ssh(2022, OUTSIDE.server), sum).succeeded()).toContain(OUTSIDE.server);
  net.guest(...sshd(22));
  await until(net.guest, '127.0.0.1', 22);
  const printed = await net.server(...ssh(2222, OUTSIDE.host), sum).succeeded();
  expect(printed).toContain(sha256(data));
  expect(printed).toContain(net.address);
});

test('gtlsclient, gtlsserver, openssl: fetches by QUIC', { timeout: LONG }, async () => {
  const scope = testScope();
  const net = await openGatewayed(scope);
  const dir = folder(scope, {});
  const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'certificate.pem')];
  run(
    ...(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt'] as const),
    ...['ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', certificate],
    ...['-subj', '/CN=here.test', '-days', '2'],
  );
  for (const name of ['www', 'got']) mkdirSync(join(dir, name));
  const data = randomBytes(2_000_000);
  writeFileSync(join(dir, 'www', 'file'), data);
  const small = ['-q', '--max-udp-payload-size=1350', '--no-pmtud'];
  const server = ['gtlsserver', ...small, '-d', join(dir, 'www')];
  net.server(...server, OUTSIDE.server, '4433', key, certificate);
  const wanted = ['--exit-on-all-streams-close', `--download=${join(dir, 'got')}`];
  const client = ['gtlsclient', ...small, ...wanted, OUTSIDE.server, '4433'];
  await net.guest(...client, 'https://here.test:4433/file').succeeded();
  expect(sha256(readFileSync(join(dir, 'got', 'file')))).toBe(sha256(data));
});

test('nmap, dig, socat: a scan of UDP sees what answers, and what is prohibited', {
  timeout: LONG,
}, async () => {
  const scope = testScope();
  const net = await openGatewayed(scope, '--deny', `${OUTSIDE.server}:7001`);
  net.server('socat', 'UDP-RECVFROM:7000,fork', 'EXEC:cat');
  const scan = ['nmap', '-n', '-Pn', '-sU', '-sV', '--version-intensity', '0', '-p', '7000,7001'];
  const report = await net.guest(...scan, '--data-length', '8', OUTSIDE.server).succeeded();
  expect(report).toMatch(/7000\/udp +open /);
  expect(report).toMatch(/7001\/udp +filtered/);
});
