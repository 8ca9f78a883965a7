// SPDX-License-Identifier: MIT
// hexdump - bytes in rows of sixteen, as every network analyser shows them

/** One row. */
export interface HexRow {
  readonly offset: string;
  /** Two digits for each byte. */
  readonly bytes: readonly string[];
  /** The same bytes as characters; a dot for what cannot be shown. */
  readonly text: string;
}

/** Splits bytes into rows. */
export function hexRows(bytes: Uint8Array): HexRow[] {
  const rows: HexRow[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const part = Array.from(bytes.subarray(at, at + 16));
    rows.push({
      offset: at.toString(16).padStart(4, '0'),
      bytes: part.map((byte) => byte.toString(16).padStart(2, '0')),
      text: part
        .map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'))
        .join(''),
    });
  }
  return rows;
}
