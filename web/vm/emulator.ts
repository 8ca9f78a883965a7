// SPDX-License-Identifier: MIT
// emulator - a PC of v86 with Linux: from a saved state, or by booting

import type { V86, V86Options } from 'v86';
import type { Assets } from './assets.ts';
import type { GuestList, StartSettings } from './messages.ts';

/** Path of v86, relative to the worker. */
const V86_WASM = new URL('./v86/v86.wasm', import.meta.url).href;

const eventOf = (emulator: V86, name: 'emulator-loaded'): Promise<void> =>
  new Promise((done) => emulator.add_listener(name, done));

async function make(options: V86Options): Promise<V86> {
  const { V86 } = await import('v86');
  const emulator = new V86({ ...options, wasm_path: V86_WASM });
  await eventOf(emulator, 'emulator-loaded');
  return emulator;
}

/**
 * Loads a PC.
 *
 * @param list - guest.json.
 * @param assets - Loads its files.
 * @param settings - Its card, and whether it boots.
 * @returns The emulator; run() it.
 * @throws If a file cannot be loaded.
 */
export async function loadEmulator(
  { files, cards }: GuestList,
  assets: Assets,
  { card, how }: StartSettings,
): Promise<V86> {
  const chosen = cards[card];
  if (!chosen) throw new Error(`Cannot find a guest with network card "${card}"`);
  const load = async (name: keyof typeof files) => ({ buffer: await assets.load(files[name]) });
  const options = chosen.options as V86Options;
  if (how === 'state') {
    const state = assets.load(chosen.state);
    const [bios, vga_bios] = await Promise.all([load('bios'), load('vgaBios')]);
    const emulator = await make({ ...options, bios, vga_bios });
    await emulator.restore_state(await state); // which unpacks it
    return emulator;
  }
  const [bios, vga_bios, bzimage, initrd] = await Promise.all([
    load('bios'),
    load('vgaBios'),
    load('kernel'),
    load('initrd'),
  ]);
  // No state depends on this boot: the kernel may print its messages.
  const cmdline = (options.cmdline ?? '').replace(/ (quiet|loglevel=\d)(?= )/g, '');
  return make({ ...options, cmdline, bios, vga_bios, bzimage, initrd });
}
