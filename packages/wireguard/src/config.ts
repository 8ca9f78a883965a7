// SPDX-License-Identifier: MIT
// config - reads the files of wg-quick

import { NetError } from '../../../js/errors.ts';
import { show } from '../../../js/util/check.ts';
import { readKey } from './keys.ts';
import type { WireGuardOptions, WireGuardPeer } from './types.ts';

const ACTION = 'Cannot parse the configuration of WireGuard';

/** Settings of [Interface] that mean nothing here: commands, marks of the system's routing. */
const IGNORED = new Set(['fwmark', 'preup', 'postup', 'predown', 'postdown', 'saveconfig']);

function refuse(line: number, reason: string): NetError {
  return new NetError('EINVAL', `${ACTION} in line ${line}`, { reason });
}

function whole(value: string, most: number, line: number): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (number <= most) return number;
  throw refuse(line, `must be a whole number from 0 to ${most}`);
}

const listOf = (value: string): string[] =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** A key as the file has it; checked now, so that the line is known. */
function keyOf(value: string, line: number): string {
  try {
    readKey(ACTION, 'key', value);
    return value;
  } catch {
    throw refuse(line, 'must be a key of 32 bytes in base64');
  }
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/** The part of a file about the interface. */
class Interface {
  readonly settings: Writable<Partial<WireGuardOptions>> = {};
  readonly #ip: string[] = [];
  readonly #dns: string[] = [];

  set(name: string, value: string, line: number): void {
    const { settings } = this;
    if (name === 'privatekey') settings.privateKey = keyOf(value, line);
    else if (name === 'address') {
      for (const one of listOf(value)) {
        this.#ip.push(one.includes('/') ? one : `${one}/${one.includes(':') ? 128 : 32}`);
      }
      settings.ip = this.#ip;
    } else if (name === 'listenport') settings.listenPort = whole(value, 65535, line);
    else if (name === 'mtu') settings.mtu = whole(value, 65535, line);
    else if (name === 'dns') {
      this.#dns.push(...listOf(value));
      settings.dns = this.#dns;
    } else if (name === 'table') settings.routes = value !== 'off';
    else if (!IGNORED.has(name)) throw refuse(line, `${show(name)} is not known in [Interface]`);
  }
}

/** The part of a file about a peer. */
class Peer {
  readonly line: number;
  readonly settings: Writable<Partial<WireGuardPeer>> = {};
  readonly #allowed: string[] = [];

  constructor(line: number) {
    this.line = line;
    this.settings.allowedIps = this.#allowed;
  }

  set(name: string, value: string, line: number): void {
    const { settings } = this;
    if (name === 'publickey') settings.publicKey = keyOf(value, line);
    else if (name === 'presharedkey') settings.presharedKey = keyOf(value, line);
    else if (name === 'allowedips') this.#allowed.push(...listOf(value));
    else if (name === 'endpoint') settings.endpoint = value;
    else if (name === 'persistentkeepalive') {
      settings.persistentKeepalive = value === 'off' ? 0 : whole(value, 65535, line);
    } else throw refuse(line, `${show(name)} is not known in [Peer]`);
  }

  finished(): WireGuardPeer {
    const { publicKey } = this.settings;
    if (publicKey === undefined) throw refuse(this.line, 'this [Peer] has no PublicKey');
    return { ...this.settings, publicKey };
  }
}

/**
 * Reads a file of wg-quick. Commands (`PostUp` and the like) and marks are skipped; `Table = off` adds no routes.
 *
 * @param text - Contents of the file.
 * @returns Options of createWireGuard(), to which a transport is added; `dns` is for the program.
 * @throws {NetError} EINVAL; the message has the line, and never a key.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseConfig } from 'ringstack-wireguard';
 *
 * const options = parseConfig(`
 *   [Interface]
 *   PrivateKey = dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=
 *   Address = 10.9.0.1/24, fd09::1/64
 *
 *   [Peer]
 *   PublicKey = 3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=
 *   AllowedIPs = 0.0.0.0/0, ::/0
 *   Endpoint = 192.0.2.1:51820
 *   PersistentKeepalive = 25
 * `);
 * assert.deepEqual(options.ip, ['10.9.0.1/24', 'fd09::1/64']);
 * assert.equal(options.peers?.[0]?.persistentKeepalive, 25);
 * ```
 */
export function parseConfig(text: string): Omit<WireGuardOptions, 'transport'> {
  const own = new Interface();
  const peers: Peer[] = [];
  let section: Interface | Peer | undefined;
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.replace(/#.*/, '').trim();
    if (line === '') continue;
    const [, name = '', value = ''] = /^(\w+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (/^\[interface\]$/i.test(line)) section = own;
    else if (/^\[peer\]$/i.test(line)) {
      section = new Peer(i + 1);
      peers.push(section);
    } else if (!section || name === '') {
      throw refuse(i + 1, 'must be [Interface], [Peer], or a name, =, and a value');
    } else section.set(name.toLowerCase(), value, i + 1);
  }
  const { privateKey } = own.settings;
  if (privateKey === undefined) throw refuse(1, 'there is no PrivateKey in [Interface]');
  return { ...own.settings, privateKey, peers: peers.map((peer) => peer.finished()) };
}
