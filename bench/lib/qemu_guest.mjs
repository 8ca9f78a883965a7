// SPDX-License-Identifier: MIT
// qemu_guest - Linux in QEMU (tests/vm/guests.sh) on its serial line, with a network card

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Skip } from './skip.mjs';

const QEMU = 'qemu-system-x86_64';
const FILES = fileURLToPath(new URL('../../build/vm/guest/', import.meta.url));

/** QEMU's version, as `QEMU 7.2.22`. */
export function qemuVersion() {
  const [, version] = /version (\S+)/.exec(execFileSync(QEMU, ['--version'], { encoding: 'utf8' }));
  return `QEMU ${version}`;
}

/** @throws Skip if there can be no guest here. */
export function needGuest() {
  if (!existsSync(`${FILES}initrd`)) throw new Skip('needs the guest of tests/vm/guests.sh');
  try {
    qemuVersion();
  } catch {
    throw new Skip(`needs ${QEMU}`);
  }
}

/** A guest that boots. */
export class QemuGuest {
  #child;
  #text = '';
  #complaints = '';
  #commands = 0;
  #ended;

  /**
   * @param {string} netdev - What `-netdev` says of the network named n.
   * @param {number} mtu - That its card says.
   */
  constructor(netdev, mtu) {
    this.#child = spawn(QEMU, [
      ...['-nodefaults', '-no-user-config', '-nographic', '-m', '384', '-serial', 'stdio'],
      ...['-kernel', `${FILES}vmlinuz`, '-initrd', `${FILES}initrd`],
      ...['-append', 'console=ttyS0 quiet panic=-1', '-netdev', netdev],
      ...['-device', `virtio-net-pci,netdev=n,host_mtu=${mtu},romfile=`],
    ]);
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.#text += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#complaints += text;
    });
    this.#ended = once(this.#child, 'close');
  }

  async #printed(pattern) {
    for (;;) {
      const found = pattern.exec(this.#text);
      if (found) return found;
      const what = await Promise.race([once(this.#child.stdout, 'data'), this.#ended]);
      if (typeof what[0] !== 'string') {
        throw new Error(`the guest has ended: ${this.#text}${this.#complaints}`);
      }
    }
  }

  /** Waits for the shell, and gives the card an address. */
  async boot(address, mtu) {
    await this.#printed(/guest is ready/);
    await this.run(["PS1=''"]);
    await this.run(['ip', 'link', 'set', 'eth0', 'mtu', `${mtu}`, 'up']);
    await this.run(['ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0']);
  }

  /** Runs a command of the guest; returns what it printed. */
  async run(command) {
    const mark = `done ${this.#commands++}`;
    this.#text = '';
    this.#child.stdin.write(`${command.join(' ')}; echo "<$?" "${mark}>"\n`);
    const [, output, status] = await this.#printed(new RegExp(`^([^]*)<(\\d+) ${mark}>`));
    if (status !== '0') throw new Error(`${command.join(' ')} ended with ${status}: ${output}`);
    return output;
  }

  async close() {
    this.#child.kill();
    await this.#ended;
  }
}
