// SPDX-License-Identifier: MIT
// v86_http - Linux in the emulator v86 with its network card on a stack of ours; HTTP both ways
//
// usage: node examples/v86_http.mjs $(node tools/guest/v86_guest.mjs)      (that is KERNEL INITRD BIOS VGA_BIOS)
//
// Needs the package v86. Of the initramfs is expected what tools/guest/v86_init.sh does: it gives eth0 the address
// 192.168.1.2, starts a web server, says "@@ready" on the serial line and runs what comes there.
// @ts-check
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { createStack } from 'ringstack';
import { connectV86 } from 'ringstack/v86';
import { V86 } from 'v86';

const [kernel = '', initrd = '', bios = '', vgaBios = ''] = process.argv.slice(2);
if (!vgaBios) {
  console.log('Run node examples/v86_http.mjs $(node tools/guest/v86_guest.mjs)');
  process.exit();
}
/** @param {string} path */
const image = (path) => ({ buffer: new Uint8Array(readFileSync(path)).buffer });

const emulator = new V86({
  wasm_path: fileURLToPath(new URL('v86.wasm', import.meta.resolve('v86'))),
  memory_size: 128 * 2 ** 20,
  bios: image(bios),
  vga_bios: image(vgaBios),
  bzimage: image(kernel),
  initrd: image(initrd),
  cmdline: 'console=ttyS0 quiet tsc=reliable mitigations=off random.trust_cpu=on',
  net_device: { type: 'virtio' },
  autostart: true,
});
let printed = '';
let changed = () => {};
emulator.add_listener('serial0-output-byte', (/** @type {number} */ byte) => {
  printed += String.fromCharCode(byte);
  changed();
});

/** Waits until the guest has printed something. @param {RegExp} pattern */
async function waitFor(pattern) {
  while (!pattern.test(printed)) {
    await /** @type {Promise<void>} */ (new Promise((resolve) => (changed = resolve)));
  }
  return pattern.exec(printed)?.[0];
}

// Ours: a stack with an HTTP server on it, and the guest's card on its cable.
const stack = await createStack();
await connectV86(stack, emulator, { ip: '192.168.1.1/24' });
const web = createServer((_, response) => response.end('Hello from a stack in JavaScript\n'));
const listener = await stack.listenTcp({ port: 80 });
void (async () => {
  for await (const connection of listener) {
    web.emit('connection', Duplex.fromWeb(/** @type {any} */ (connection)));
  }
})();

/** Asks a web server by a connection of ours. @param {string} host @param {string} path */
async function fetchFrom(host, path) {
  const { readable, writable } = await stack.connectTcp({ host, port: 80 });
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode(`GET ${path} HTTP/1.0\r\n\r\n`));
  const answer = await new Response(readable).text();
  await writer.close();
  return answer.split('\r\n\r\n')[1]?.trim();
}

await waitFor(/@@ready/);
console.log('guest: has booted');
emulator.serial0_send('wget -qO- http://192.168.1.1/\n');
console.log(`guest: wget says: ${await waitFor(/Hello.*JavaScript/)}`);

console.log(`we: the guest serves: ${await fetchFrom('192.168.1.2', '/')}`);

await Promise.all([stack.close(), emulator.destroy()]);
