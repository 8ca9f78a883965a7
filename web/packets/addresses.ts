// SPDX-License-Identifier: MIT
// addresses - MAC, IPv4 and IPv6 addresses of packets as text

/** Six bytes as aa:bb:cc:dd:ee:ff. */
export const macText = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');

/** Four bytes as 10.0.0.1. */
export const ipv4Text = (bytes: Uint8Array): string => bytes.join('.');

/** Sixteen bytes as RFC 5952 wants them: the longest run of two or more zero words is '::'. */
export function ipv6Text(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => {
    return (((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0)).toString(16);
  });
  let best = { from: 0, length: 1 };
  for (let from = 0; from < 8; from++) {
    let length = 0;
    while (words[from + length] === '0') length++;
    if (length > best.length) best = { from, length };
  }
  if (best.length === 1) return words.join(':');
  const before = words.slice(0, best.from).join(':');
  return `${before}::${words.slice(best.from + best.length).join(':')}`;
}
