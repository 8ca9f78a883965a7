// SPDX-License-Identifier: MIT
// guest_out - iperf3 from a namespace to a server outside, both ways, by a program that gives it a network over a tap
//
// params: program ('ringstack', 'slirp4netns', 'pasta'), mtu, seconds of each way.
//
//   guest namespace (tap0)  <-  the program, in the namespace "host"  <-veth->  namespace of the server

import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Skip } from '../lib/skip.mjs';

const COMMAND = fileURLToPath(new URL('../../dist/cli/ringstack.js', import.meta.url));
/** Public addresses, which the policy of ours allows. */
const [HOST, SERVER] = ['9.77.0.1', '9.77.0.2'];
const GUEST = '10.0.0.2';
const BOOT = 60_000;

const execute = promisify(execFile);
const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
const has = (program) => {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** The command that gives the guest its network. */
const commandOf = {
  ringstack: (guest, mtu) => [
    ...[process.execPath, COMMAND, 'net', '-q', '--tap', `tap0@${guest}`, '--mtu', `${mtu}`],
  ],
  slirp4netns: (guest, mtu) => [
    ...['slirp4netns', '--configure', `--mtu=${mtu}`, '--disable-host-loopback'],
    ...['--netns-type=path', `/var/run/netns/${guest}`, 'tap0'],
  ],
  pasta: (guest, mtu) => [
    ...['pasta', '-q', '-f', '--config-net', '--netns-only', '-m', `${mtu}`, '-I', 'tap0'],
    ...['-t', 'none', '-u', 'none', '-T', 'none', '-U', 'none', '--runas', '0'],
    // The server is its gateway, whose address would lead to the loopback of the host.
    '--no-map-gw',
    ...['--netns', `/var/run/netns/${guest}`],
  ],
};

/** The three namespaces. */
function openNamespaces() {
  const [guest, host, server] = ['g', 'h', 's'].map((one) => `rsb-${process.pid}${one}`);
  const remove = () => {
    for (const name of [guest, host, server]) {
      try {
        ip('netns', 'delete', name);
      } catch {
        // It was not made.
      }
    }
  };
  try {
    for (const name of [guest, host, server]) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    ip('-n', host, 'link', 'add', 'out', 'type', 'veth', 'peer', 'name', 'in', 'netns', server);
    for (const [name, device, address] of [
      [host, 'out', HOST],
      [server, 'in', SERVER],
    ]) {
      ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', device);
      ip('-n', name, 'link', 'set', device, 'up');
    }
    // pasta takes the addresses and routes of its own namespace for the guest.
    ip('-n', host, 'route', 'add', 'default', 'via', SERVER);
  } catch (error) {
    remove();
    throw error;
  }
  return { guest, host, server, remove };
}

const inside = (name, command) => ['netns', 'exec', name, ...command];

/** Waits until the guest reaches the server. */
async function reach(guest, child, errors) {
  const end = Date.now() + BOOT;
  const test = ['curl', '-s', '-o', '/dev/null', '--max-time', '1', `telnet://${SERVER}:5201`];
  for (;;) {
    const route = await execute('ip', ['-n', guest, 'route', 'get', SERVER]).catch(() => null);
    if (route) {
      // Connected, and then the time is over: 28.
      const code = await execute('ip', inside(guest, test)).then(
        () => 0,
        (error) => error.code,
      );
      if (code === 0 || code === 28) return;
    }
    if (child.exitCode !== null || Date.now() > end) {
      throw new Error(`the guest has no network: ${errors()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A way out of our own is configured by hand, as a program that takes no lease is. */
async function configure(guest, mtu) {
  const end = Date.now() + BOOT;
  while (Date.now() < end) {
    try {
      ip('-n', guest, 'link', 'set', 'tap0', 'mtu', `${mtu}`, 'up');
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  ip('-n', guest, 'addr', 'add', `${GUEST}/24`, 'dev', 'tap0');
  ip('-n', guest, 'route', 'add', 'default', 'via', '10.0.0.1');
}

async function iperf3(guest, ...args) {
  const command = ['iperf3', '-J', '-c', SERVER, ...args];
  const { stdout } = await execute('ip', inside(guest, command), { maxBuffer: 2 ** 24 });
  return JSON.parse(stdout).end.sum_received.bits_per_second / 1e9;
}

export default {
  async run({ program, mtu, seconds }) {
    if (process.platform !== 'linux' || process.getuid() !== 0) {
      throw new Skip('needs root on Linux');
    }
    if (!existsSync('/dev/net/tun')) throw new Skip('needs /dev/net/tun');
    for (const one of ['iperf3', 'curl', ...(program === 'ringstack' ? [] : [program])]) {
      if (!has(one)) throw new Skip(`needs ${one}`);
    }
    const { guest, host, server, remove } = openNamespaces();
    const children = [];
    const start = (name, command) => {
      const child = spawn('ip', inside(name, command), { stdio: ['ignore', 'ignore', 'pipe'] });
      children.push(child);
      return child;
    };
    try {
      start(server, ['iperf3', '-s', '--forceflush']).stderr.resume();
      const child = start(host, commandOf[program](guest, mtu));
      let errors = '';
      child.stderr.setEncoding('utf8').on('data', (text) => {
        errors += text;
      });
      if (program === 'ringstack') await configure(guest, mtu);
      await reach(guest, child, () => errors);
      const gbps = await iperf3(guest, '-t', `${seconds}`);
      const back = await iperf3(guest, '-R', '-t', `${seconds}`);
      return { gbps, back };
    } finally {
      for (const child of children) {
        child.kill('SIGTERM');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      }
      remove();
    }
  },
};
