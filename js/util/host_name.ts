// SPDX-License-Identifier: MIT
// host_name - one spelling for each name of a host: lower case, ASCII, no dot at the end

import { NetError } from '../errors.ts';
import { show } from './check.ts';

/** Bytes of a label, and of a name as text (RFC 1035, section 2.3.4). */
const LABEL = 63;
const NAME = 253;

/** Characters that end a host for the URL parser. */
const NO_HOST = /[\s/:?#@[\]%]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const NOT_ASCII = /[^\x00-\x7f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\x00-\x20\x7f]/;

function refuse(name: unknown, reason: string): NetError {
  return new NetError('EINVAL', `Cannot use ${show(name)} as a name`, { reason });
}

/** Lower case of ASCII letters only, as RFC 4343 compares names. */
export function lowerAscii(text: string): string {
  return NOT_ASCII.test(text)
    ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
    : text.toLowerCase();
}

/** International names through the one IDNA that every runtime has. */
function toAscii(name: string): string {
  if (NO_HOST.test(name) || name.includes('\\')) throw refuse(name, 'it is no international name');
  try {
    return new URL(`http://${name}/`).hostname;
  } catch {
    throw refuse(name, 'it is no international name');
  }
}

/**
 * Brings a name to the form in which names are compared: international letters as IDNA has them, lower
 * case, no dot at the end.
 *
 * @param name - At most 253 bytes, labels of 1 to 63; '' and '.' are the root.
 * @returns The name.
 * @throws NetError EINVAL when it is no name.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { normalizeName } from '../js/util/host_name.ts';
 *
 * assert.equal(normalizeName('DB.Internal.'), 'db.internal');
 * assert.equal(normalizeName('Bücher.example'), 'xn--bcher-kva.example');
 * assert.throws(() => normalizeName('a..b'), { code: 'EINVAL' });
 * ```
 */
export function normalizeName(name: string): string {
  if (typeof name !== 'string') throw refuse(name, 'a name is a string');
  if (name === '.') return '';
  const ascii = NOT_ASCII.test(name) ? toAscii(name) : name.toLowerCase();
  const plain = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  if (name === '') return '';
  if (plain.length > NAME) throw refuse(name, `it is longer than ${NAME} bytes`);
  if (CONTROL.test(plain)) throw refuse(name, 'it has a space or a control character');
  for (const label of plain.split('.')) {
    if (label === '') throw refuse(name, 'a label is empty');
    if (label.length > LABEL) throw refuse(name, `a label is longer than ${LABEL} bytes`);
  }
  return plain;
}
