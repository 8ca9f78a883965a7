// SPDX-License-Identifier: MIT
// guest - a Linux guest on a serial console: commands go in, their output comes out

import type { SpawnOptions } from 'node:child_process';
import { guestFile } from './need.ts';
import { Program } from './process.ts';
import type { Scope } from './scope.ts';

/** The emulator that most of them run in. */
export const QEMU = 'qemu-system-x86_64';

/** Addresses of guests, and of the stack on their network. */
export const GUEST = { ip: '10.79.0.1', ours: '10.79.0.2', mac: '52:54:00:12:34:56' } as const;

/** A guest that runs tests/vm/guests.sh's initramfs. */
export class Guest {
  readonly program: Program;
  /** Its name for its network card. */
  readonly device: string;
  #commands = 0;

  constructor(
    scope: Scope,
    command: readonly string[],
    { device = 'eth0', ...options }: SpawnOptions & { device?: string } = {},
  ) {
    this.program = new Program(scope, command, options);
    this.device = device;
  }

  /** Waits until it takes commands. */
  async ready(from = 0): Promise<void> {
    await this.program.printed(/guest is ready/, from);
  }

  /** Waits until it has booted, and gives it an address. */
  async boot(mtu = 1500, from = 0): Promise<void> {
    await this.ready(from);
    const { device } = this;
    await this.run(
      `ip link set ${device} mtu ${mtu} up && ip addr add ${GUEST.ip}/24 dev ${device}`,
    );
  }

  /** Runs a command of its shell. Returns what it printed; fails unless its status is 0. */
  async run(command: string): Promise<string> {
    const from = this.program.output.length;
    const mark = `done ${this.#commands++}`;
    this.program.child.stdin?.write(`${command}; echo "<$?" "${mark}>"\n`);
    const end = await this.program.printed(new RegExp(`<(\\d+) ${mark}>`), from);
    const text = this.program.output.slice(from, from + end.index).replaceAll('\r', '');
    if (end[1] !== '0') throw new Error(`the guest's '${command}' ended with ${end[1]}:\n${text}`);
    return text;
  }
}

/**
 * Starts a guest in QEMU.
 *
 * @param mtu - Of its card.
 * @param netdev - Options of `-netdev`, whose id is `n`.
 * @param mac - Of its card.
 * @param initrd - Its file system.
 */
export function startQemu(
  scope: Scope,
  mtu: number,
  netdev: string,
  mac: string = GUEST.mac,
  initrd: string = guestFile('guest/initrd'),
): Guest {
  return new Guest(scope, [
    ...[QEMU, '-nodefaults', '-no-user-config', '-nographic', '-m', '384', '-serial', 'stdio'],
    ...['-kernel', guestFile('guest/vmlinuz'), '-initrd', initrd],
    ...['-append', 'console=ttyS0 quiet panic=-1', '-netdev', netdev],
    ...['-device', `virtio-net-pci,netdev=n,mac=${mac},host_mtu=${mtu},romfile=`],
  ]);
}
