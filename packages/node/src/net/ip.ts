// SPDX-License-Identifier: MIT
// ip - isIP() and its kin, for runtimes without node:net

const V4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

function isV6(text: string): boolean {
  const [address = '', zone] = text.split('%', 2);
  if (zone === '') return false;
  const halves = address.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1) ?? '';
  const isMixed = last.includes('.');
  if (isMixed && !V4.test(last)) return false;
  const words = isMixed ? groups.slice(0, -1) : groups;
  if (!words.every((word) => /^[\da-f]{1,4}$/i.test(word))) return false;
  const count = words.length + (isMixed ? 2 : 0);
  return halves.length === 2 ? count < 8 : count === 8;
}

/** Whether a text is an IPv4 address. */
export const isIPv4 = (text: unknown): boolean => V4.test(String(text));
/** Whether a text is an IPv6 address. */
export const isIPv6 = (text: unknown): boolean => isV6(String(text));

/**
 * The family of an address.
 *
 * @param text - Anything.
 * @returns 4, 6, or 0 if it is none.
 */
export function isIP(text: unknown): 0 | 4 | 6 {
  if (isIPv4(text)) return 4;
  return isIPv6(text) ? 6 : 0;
}
