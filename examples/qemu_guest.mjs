// SPDX-License-Identifier: MIT
// qemu_guest - Linux in QEMU with its network card on a stack of ours; HTTP both ways
//
// usage: node examples/qemu_guest.mjs [KERNEL INITRD]      (by default those that tests/vm/guests.sh makes)
//
// Of the initramfs is expected that it says "guest is ready" on the serial line, and has a shell there.
// @ts-check
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { createStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { listenQemu } from 'ringstack/qemu';

const made = fileURLToPath(new URL('../build/vm/guest/', import.meta.url));
const [kernel = `${made}vmlinuz`, initrd = `${made}initrd`] = process.argv.slice(2);
if (!existsSync(initrd)) {
  console.log(`There is no ${initrd}: run tests/vm/guests.sh, or give a kernel and an initramfs`);
  process.exit();
}

// The cable: QEMU connects to it.
const path = join(tmpdir(), `ringstack-${process.pid}`);
const cable = await listenQemu({ path });
const qemu = spawn('qemu-system-x86_64', [
  ...['-nodefaults', '-no-user-config', '-nographic', '-m', '384', '-serial', 'stdio'],
  ...['-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0 quiet panic=-1'],
  ...['-netdev', `stream,id=n0,server=off,addr.type=unix,addr.path=${path}`],
  ...['-device', 'virtio-net-pci,netdev=n0,romfile='],
]);

// Ours: a stack with an HTTP server on it.
const stack = await createStack();
connect(await stack.createTapInterface({ ip: '10.0.0.1/24' }), await cable.accept());
const web = createServer((_, response) => response.end('Hello from a stack in JavaScript\n'));
const listener = await stack.listenTcp({ port: 80 });
void (async () => {
  for await (const connection of listener) {
    web.emit('connection', Duplex.fromWeb(/** @type {any} */ (connection)));
  }
})();

/** Waits until the guest has printed something. @param {RegExp} pattern */
async function printed(pattern) {
  let text = '';
  for await (const more of qemu.stdout.iterator({ destroyOnReturn: false })) {
    text += more;
    if (pattern.test(text)) break;
  }
  return pattern.exec(text)?.[0].trim();
}

/** Asks a web server by a connection of ours. @param {string} host @param {string} path */
async function fetchFrom(host, path) {
  const { readable, writable } = await stack.connectTcp({ host, port: 80 });
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode(`GET ${path} HTTP/1.0\r\n\r\n`));
  const answer = await new Response(readable).text();
  await writer.close();
  return answer.split('\r\n\r\n')[1]?.trim();
}

await printed(/guest is ready/);
console.log('guest: has booted');
qemu.stdin.write('ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; wget -qO- 10.0.0.1\n');
console.log(`guest: wget says: ${await printed(/Hello.*\n/)}`);

qemu.stdin.write('echo Hello from the guest >/tmp/a; httpd -h /tmp; echo "serves" now\n');
await printed(/serves now/);
console.log(`we: the guest serves: ${await fetchFrom('10.0.0.2', '/a')}`);

qemu.kill();
await Promise.all([stack.close(), cable.close()]);
