// SPDX-License-Identifier: MIT
// v86_start - a guest of tools/guest/v86_guest.mjs out of its state, in whatever thread this is loaded

import { Serial } from '../../../tools/guest/v86_serial.mjs';

/**
 * Starts a guest that has booted.
 *
 * @param guest - `module` and `wasm` of v86, the `options` the state was made with, `bios`, `vgaBios` and
 *   `state` as ArrayBuffers.
 * @returns `emulator` and `serial`.
 */
export async function startGuest({ module, wasm, options, bios, vgaBios, state }) {
  const { V86 } = await import(module);
  const emulator = new V86({
    ...options,
    wasm_path: wasm,
    bios: { buffer: bios },
    vga_bios: { buffer: vgaBios },
  });
  await new Promise((done) => emulator.add_listener('emulator-loaded', done));
  await emulator.restore_state(state);
  const serial = new Serial(emulator);
  await emulator.run();
  return { emulator, serial };
}
