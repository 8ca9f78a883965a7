// SPDX-License-Identifier: MIT
// keys - keys as text and bytes, and how they are made

import { NetError } from '../../../js/errors.ts';
import { Core, KEY } from './core.ts';
import { loadWireGuard } from './load.ts';

/** 32 bytes in base64: 43 characters and one '='. The last one has two bits that are no part of the key. */
const BASE64_KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/**
 * Reads a key.
 *
 * @param action - The failed action, for the message.
 * @param name - Which key it is. The key itself is in no message.
 * @param key - Base64, as wg has it, or 32 bytes.
 * @returns A copy of the bytes.
 * @throws {NetError} EINVAL.
 */
export function readKey(
  action: string,
  name: string,
  key: string | Uint8Array,
): Uint8Array<ArrayBuffer> {
  if (key instanceof Uint8Array && key.length === KEY) return new Uint8Array(key);
  if (typeof key === 'string' && BASE64_KEY.test(key)) {
    return Uint8Array.from(atob(key), (character) => character.charCodeAt(0));
  }
  const reason = 'must be 32 bytes, or these in base64';
  throw new NetError('EINVAL', `${action} with this ${name}`, { reason });
}

/** A key in base64. */
export function formatKey(key: Uint8Array): string {
  return btoa(String.fromCharCode(...key));
}

function clamped(key: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  key[0] = (key[0] as number) & 248;
  key[31] = ((key[31] as number) & 127) | 64;
  return key;
}

/**
 * Makes a private key.
 *
 * @returns Base64, as `wg genkey` prints it.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { generateKey, publicKey } from 'ringstack-wireguard';
 *
 * const privateKey = generateKey();
 * assert.equal(privateKey.length, 44);
 * assert.equal((await publicKey(privateKey)).length, 44);
 * ```
 */
export function generateKey(): string {
  return formatKey(clamped(crypto.getRandomValues(new Uint8Array(KEY))));
}

/**
 * Makes a preshared key.
 *
 * @returns Base64, as `wg genpsk` prints it.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { generatePresharedKey } from 'ringstack-wireguard';
 *
 * assert.notEqual(generatePresharedKey(), generatePresharedKey());
 * ```
 */
export function generatePresharedKey(): string {
  return formatKey(crypto.getRandomValues(new Uint8Array(KEY)));
}

/**
 * The public key of a private one, computed in constant time.
 *
 * @param privateKey - Base64 or 32 bytes.
 * @returns Base64, as `wg pubkey` prints it.
 * @throws {NetError} EINVAL; ENOENT if wireguard.wasm cannot be loaded.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { publicKey } from 'ringstack-wireguard';
 *
 * // The first key pair of RFC 7748, 6.1.
 * const key = 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=';
 * assert.equal(await publicKey(key), 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=');
 * ```
 */
export async function publicKey(privateKey: string | Uint8Array): Promise<string> {
  const key = readKey('Cannot compute a public key', 'private key', privateKey);
  const core = new Core(await loadWireGuard(), 576, 1, {
    now: () => 1,
    random: () => {},
    timestamp: () => {},
    transmit: () => {},
    limit: () => 0,
    deliver: () => {},
  });
  const result = formatKey(core.publicKey(key));
  core.wipe();
  key.fill(0);
  return result;
}
