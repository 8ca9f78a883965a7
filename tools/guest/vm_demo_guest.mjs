// SPDX-License-Identifier: MIT
// vm_demo_guest - the guest of the page of web/vm/: files to boot it from, states in which it has booted
//
// It is the guest of tools/guest/v86_guest.mjs with web/vm/guest/ laid over it in a second archive, and with a shell
// for people on its serial line. Each network card has a state of its own, made by booting once in Node; its
// name says what it was made of, and it is kept beside the tests' states. In a state, the guest waits on its second
// serial line for its name (web/vm/guest/shell): so one state is good for any number of guests.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { folders, initramfs } from './initramfs.mjs';
import { buildGuest, GUEST, guestOptions } from './v86_guest.mjs';

const OVERLAY = fileURLToPath(new URL('../../web/vm/guest/', import.meta.url));
const V86 = fileURLToPath(new URL('../../node_modules/v86/', import.meta.url));

/** The network cards the page offers, by the names it calls them. */
export const CARDS = {
  virtio: { type: 'virtio', mtu: 1500 },
  'virtio-64k': { type: 'virtio', mtu: 65_520 },
  ne2k: { type: 'ne2k', mtu: 1500 },
};

/** Bytes of memory: much of the time to go on from a state is spent on clearing it. */
const MEMORY = 96 * 2 ** 20;
/** The question of a guest on its second serial line. */
const QUESTION = '@@who';
/** ms after which a boot has failed, however busy the machine is. */
const PATIENCE = 300_000;

const hashOf = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 12);
};

/** The guest's archive with ours behind it: the kernel unpacks one after the other. */
function overlay(initrd) {
  const file = (path, name, mode) => ({ path, mode, data: readFileSync(join(OVERLAY, name)) });
  const archive = initramfs([
    ...folders(['etc', 'srv', 'srv/cgi-bin']),
    file('etc/start', 'start', 0o100755),
    file('etc/lease', 'lease', 0o100755),
    file('etc/shell', 'shell', 0o100644),
    file('srv/index.html', 'index.html', 0o100644),
    file('srv/cgi-bin/status', 'status', 0o100755),
  ]);
  return Buffer.concat([initrd, gzipSync(archive, { level: 9 })]);
}

function fetchGuest() {
  try {
    return buildGuest();
  } catch (cause) {
    const why = String(cause.stderr ?? '').trim() || cause.message;
    throw new Error(`Cannot fetch the guest, which is made of packages of Debian: ${why}`, {
      cause,
    });
  }
}

/**
 * Finds or fetches what a guest is booted from.
 *
 * @returns `files`, each a Buffer; `id`, which changes with them.
 * @throws If the packages cannot be fetched here.
 */
export function guestFiles() {
  const guest = fetchGuest();
  const files = {
    kernel: readFileSync(guest.kernel),
    initrd: overlay(readFileSync(guest.initrd)),
    bios: readFileSync(guest.bios),
    vgaBios: readFileSync(guest.vgaBios),
  };
  return { files, id: hashOf(...Object.values(files)) };
}

/** Options of the emulator with a card; the page uses the same, since a state fits no others. */
export function emulatorOptions(card) {
  const { cmdline, ...options } = guestOptions(CARDS[card]);
  // ENV is what a shell reads first; the kernel hands it to init, and init to the shell. Kernel
  // messages about missing hardware of the emulated PC are hidden on the console.
  const start = 'ringstack.start=/etc/start ENV=/etc/shell';
  return {
    ...options,
    memory_size: MEMORY,
    uart1: true,
    cmdline: `${cmdline} loglevel=3 ${start}`,
  };
}

const content = ({ buffer, byteOffset, length }) => ({
  buffer: buffer.slice(byteOffset, byteOffset + length),
});

/** Boots until the guest asks for its name. Returns the state. */
async function boot(files, options) {
  const { V86: Emulator } = await import('v86');
  const emulator = new Emulator({
    ...options,
    wasm_path: join(V86, 'build/v86.wasm'),
    bios: content(files.bios),
    vga_bios: content(files.vgaBios),
    bzimage: content(files.kernel),
    initrd: content(files.initrd),
  });
  try {
    await new Promise((done) => emulator.add_listener('emulator-loaded', done));
    let [text, question] = ['', ''];
    emulator.add_listener('serial0-output-byte', (byte) => {
      text += String.fromCharCode(byte);
    });
    const asked = new Promise((done, fail) => {
      emulator.add_listener('serial1-output-byte', (byte) => {
        question += String.fromCharCode(byte);
        if (question.endsWith(`${QUESTION}\r\n`)) done();
      });
      const failed = () => fail(new Error(`The guest did not boot: ${text.slice(-500)}`));
      setTimeout(failed, PATIENCE).unref();
    });
    await emulator.run();
    await asked;
    await emulator.stop();
    return new Uint8Array(await emulator.save_state());
  } finally {
    await emulator.destroy();
  }
}

/**
 * Boots the guest with a card once and keeps the state, compressed, in place of older ones; after that only
 * finds it.
 *
 * @param card - One of CARDS.
 * @param guest - The result of guestFiles().
 * @param onStep - Is told when it boots.
 * @returns Path of the state, compressed by zstd, which v86 unpacks itself.
 * @throws If it does not boot, or there is no zstd.
 */
export async function demoState(card, { files, id }, onStep) {
  const options = emulatorOptions(card);
  const { version } = JSON.parse(readFileSync(join(V86, 'package.json'), 'utf8'));
  const name = `demo-${card}-${hashOf(id, version, JSON.stringify(options))}`;
  const path = join(GUEST, `${name}.zst`);
  if (existsSync(path)) return path;
  onStep(`Booting the guest once with network card ${card}`);
  const state = await boot(files, options);
  const old = readdirSync(GUEST).filter((one) => one.match(/^demo-(.*)-\w+\./)?.[1] === card);
  for (const one of old) rmSync(join(GUEST, one));
  // Level 19 takes a minute for one megabyte less.
  const compressed = execFileSync('zstd', ['-q', '-10', '-c'], {
    input: state,
    maxBuffer: 2 * state.length,
  });
  // Another process may do the same at the same time.
  const written = `${path}.${process.pid}`;
  writeFileSync(written, compressed);
  renameSync(written, path);
  return path;
}
