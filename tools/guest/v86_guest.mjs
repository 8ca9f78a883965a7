// SPDX-License-Identifier: MIT
// v86_guest - a Linux for v86 out of Debian's packages: kernel, busybox, tc, firmware
//
// usage: node tools/guest/v86_guest.mjs        (into build/vm/v86, once)
//
// The i386 packages are fetched with apt into lists and a cache of their own, below the same folder,
// and unpacked there: nothing is installed, and the machine need not be an i386 one.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { folders, initramfs } from './initramfs.mjs';
import { Serial } from './v86_serial.mjs';

/** Folder of the guest. */
export const GUEST = fileURLToPath(new URL('../../build/vm/v86/', import.meta.url));

/** Modules of the kernel, in the order in which tools/guest/v86_init.sh loads them. */
const MODULES = [
  'drivers/virtio/virtio_ring',
  'drivers/virtio/virtio',
  'drivers/virtio/virtio_pci_legacy_dev',
  'drivers/virtio/virtio_pci_modern_dev',
  'drivers/virtio/virtio_pci',
  'net/core/failover',
  'drivers/net/net_failover',
  'drivers/net/virtio_net',
  'drivers/net/ethernet/8390/8390',
  'drivers/net/ethernet/8390/ne2k-pci',
  'net/sched/sch_netem',
];

/** Libraries of iproute2's tc, and theirs: busybox's tc has no netem. */
const TC_LIBRARIES = [
  'libbpf.so.1',
  'libelf.so.1',
  'libmnl.so.0',
  'libbsd.so.0',
  'libmd.so.0',
  'libcap.so.2',
  'libm.so.6',
  'libxtables.so.12',
  'libc.so.6',
  'libz.so.1',
  'ld-linux.so.2',
];

/** Served at / of the guest: a page, and as many MiB as the query says. */
const INDEX = '<!doctype html><title>guest</title><h1>Hello from Linux in v86</h1>\n';
const STREAM = `#!/bin/sh
printf 'Content-Type: application/octet-stream\\r\\n\\r\\n'
n=0
while [ $n -lt "$QUERY_STRING" ]; do echo "$n"; cat /tmp/random; n=$((n + 1)); done
`;

function apt(tool, ...args) {
  const state = join(GUEST, 'apt');
  for (const folder of ['state/lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(state, folder), { recursive: true });
  }
  const options = [
    `Dir::State=${state}/state`,
    'Dir::State::status=/dev/null',
    `Dir::Cache=${state}/cache`,
    'APT::Architecture=i386',
    'APT::Architectures=i386',
    'APT::Sandbox::User=root',
  ];
  return execFileSync(tool, [...options.flatMap((option) => ['-o', option]), ...args], {
    cwd: GUEST,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** iproute2 and the libraries it depends on. */
function tcPackages() {
  const kinds = [
    'pre-depends',
    'recommends',
    'suggests',
    'conflicts',
    'breaks',
    'replaces',
    'enhances',
  ];
  const rest = kinds.map((kind) => `--no-${kind}`);
  const names = apt('apt-cache', 'depends', '--recurse', ...rest, 'iproute2').split('\n');
  return ['iproute2', ...names.filter((name) => /^(lib|zlib)/.test(name))];
}

/** A file of the packages, which lie in one of several folders in one release or another. */
function findFile(root, name, ...dirs) {
  return dirs.map((folder) => join(root, folder, name)).find((path) => existsSync(path));
}

function findTc(root) {
  return findFile(root, 'tc', 'sbin', 'usr/sbin');
}

/** tc and its libraries, packed: unpacked (tools/guest/v86_tc.sh) they would make every state 4 MB larger. */
function buildTc(root) {
  const libraries = ['lib/i386-linux-gnu', 'usr/lib/i386-linux-gnu', 'lib', 'usr/lib'];
  const files = TC_LIBRARIES.map((name) => [name, findFile(root, name, ...libraries)]);
  const missing = files.filter(([, path]) => path === undefined).map(([name]) => name);
  if (missing.length > 0) throw new Error(`Cannot find ${missing.join(', ')} of Debian's packages`);
  return gzipSync(
    initramfs(
      [['tc', findTc(root)], ...files].map(([name, path]) => ({
        path: name,
        mode: 0o100755,
        data: readFileSync(path),
      })),
    ),
  );
}

/** Fetches the packages and unpacks them. Returns the folder. */
function fetchPackages() {
  const root = join(GUEST, 'root');
  if (existsSync(join(root, 'usr/share/seabios/bios.bin')) && findTc(root)) return root;
  try {
    apt('apt-get', 'update');
  } catch {
    // A source may be out of reach that has none of these.
  }
  const kernel = /Depends: (linux-image-\S+)/.exec(apt('apt-cache', 'depends', 'linux-image-686'));
  if (!kernel) throw new Error('Cannot find linux-image-686: this needs the packages of Debian');
  apt('apt-get', 'download', kernel[1], 'busybox-static', 'seabios', ...tcPackages());
  rmSync(root, { recursive: true, force: true });
  for (const file of readdirSync(GUEST).filter((name) => name.endsWith('.deb'))) {
    execFileSync('dpkg-deb', ['-x', file, root], { cwd: GUEST });
    rmSync(join(GUEST, file));
  }
  return root;
}

function buildInitrd(root) {
  const [version] = readdirSync(join(root, 'lib/modules'));
  const script = (path, text) => ({ path, mode: 0o100755, data: Buffer.from(text) });
  const archive = initramfs([
    ...folders(['bin', 'sbin', 'dev', 'proc', 'sys', 'tmp', 'lib', 'etc', 'srv', 'srv/cgi-bin']),
    { path: 'dev/console', mode: 0o20600, device: [5, 1] },
    script('bin/busybox', readFileSync(join(root, 'bin/busybox'))),
    ...MODULES.map((name) =>
      script(
        `lib/${name.split('/').at(-1)}.ko`,
        readFileSync(join(root, 'lib/modules', version, 'kernel', `${name}.ko`)),
      ),
    ),
    script('sbin/tc', readFileSync(new URL('./v86_tc.sh', import.meta.url))),
    { path: 'lib/tc.cpio.gz', mode: 0o100644, data: buildTc(root) },
    script('srv/index.html', INDEX),
    script('srv/cgi-bin/stream', STREAM),
    script('init', readFileSync(new URL('./v86_init.sh', import.meta.url))),
  ]);
  return gzipSync(archive);
}

/**
 * Makes what is missing of the guest.
 *
 * @returns Paths of `kernel`, `initrd`, `bios` and `vgaBios`, and an `id` that changes with them.
 */
export function buildGuest() {
  mkdirSync(GUEST, { recursive: true });
  const root = fetchPackages();
  const [kernel] = readdirSync(join(root, 'boot')).filter((name) => name.startsWith('vmlinuz'));
  const initrd = buildInitrd(root);
  const file = join(GUEST, 'initrd.gz');
  if (!existsSync(file) || !readFileSync(file).equals(initrd)) writeFileSync(file, initrd);
  const firmware = join(root, 'usr/share/seabios');
  return {
    kernel: join(root, 'boot', kernel),
    initrd: file,
    bios: join(firmware, 'bios.bin'),
    vgaBios: join(firmware, 'vgabios-stdvga.bin'),
    id: createHash('sha256').update(kernel).update(initrd).digest('hex').slice(0, 12),
  };
}

const V86_FOLDER = fileURLToPath(new URL('../../node_modules/v86/', import.meta.url));

/** Options of a guest besides its files; the same for a boot and for a state that is restored. */
export function guestOptions({ type = 'virtio', mtu = 1500 } = {}) {
  return {
    // The kernel's boot loader puts the initramfs at 64 MiB.
    memory_size: 128 * 2 ** 20,
    vga_memory_size: 2 ** 20,
    cmdline: 'console=ttyS0 quiet tsc=reliable mitigations=off nowatchdog random.trust_cpu=on',
    net_device: type === 'virtio' ? { type, mtu } : { type },
    preserve_mac_from_state_image: true,
    autostart: false,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
  };
}

const content = (path) => {
  const { buffer, byteOffset, length } = readFileSync(path);
  return { buffer: buffer.slice(byteOffset, byteOffset + length) };
};

/** Makes an emulator with a guest in it, loaded and not started. */
async function load(files, options) {
  const { V86 } = await import('v86');
  const emulator = new V86({
    ...guestOptions(options),
    wasm_path: join(V86_FOLDER, 'build/v86.wasm'),
    bios: content(files.bios),
    vga_bios: content(files.vgaBios),
    bzimage: content(files.kernel),
    initrd: content(files.initrd),
  });
  await new Promise((done) => emulator.add_listener('emulator-loaded', done));
  return emulator;
}

/** A name that changes with everything a state depends on. */
function stateName({ id }, { type = 'virtio', mtu = 1500 } = {}) {
  const { version } = JSON.parse(readFileSync(join(V86_FOLDER, 'package.json'), 'utf8'));
  const all = JSON.stringify([id, version, guestOptions({ type, mtu })]);
  const hash = createHash('sha256').update(all).digest('hex').slice(0, 12);
  return join(GUEST, `state-${type}-${mtu}-${hash}.bin`);
}

/**
 * Boots a guest once and keeps its state; after that only finds it.
 *
 * @param options - `type` of the network card ('virtio' or 'ne2k') and its `mtu`.
 * @returns Path of the state.
 */
export async function buildState(options) {
  const files = buildGuest();
  const path = stateName(files, options);
  if (existsSync(path)) return path;
  const emulator = await load(files, options);
  const serial = new Serial(emulator);
  const booted = serial.booted();
  await emulator.run();
  await booted;
  // Leftovers of the boot are not needed for the next one.
  await serial.run('sync; echo 3 >/proc/sys/vm/drop_caches');
  await emulator.stop();
  writeFileSync(`${path}.new`, new Uint8Array(await emulator.save_state()));
  renameSync(`${path}.new`, path);
  await emulator.destroy();
  return path;
}

/**
 * Gives a guest that runs and takes commands: from its state, or booted if there is none.
 *
 * @param options - `type` of the network card ('virtio' or 'ne2k') and its `mtu`; `state` to begin from.
 * @returns `emulator` and `serial`.
 */
export async function openGuest({ state, ...options } = {}) {
  const saved = state ?? content(await buildState(options)).buffer;
  const emulator = await load(buildGuest(), options);
  await emulator.restore_state(saved);
  const serial = new Serial(emulator);
  await emulator.run();
  return { emulator, serial };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(Object.values(buildGuest()).join('\n'));
}
