// SPDX-License-Identifier: MIT
// macs - the end that a frame goes to: names of MACs

import { formatMac } from '../../js/util/address.ts';
import type { SeenFrame } from '../packets/seen.ts';

/** Names of MACs. */
export interface MacTable {
  set(mac: string, name: string): void;
  /** Name of the end that a frame is for. */
  destination(frame: SeenFrame<string>): string;
}

/** Makes a table. */
export function macTable(): MacTable {
  const names = new Map<string, string>();
  return {
    set: (mac, name) => void names.set(mac, name),
    destination: ({ bytes }) => {
      if (((bytes[0] ?? 0) & 1) !== 0) return 'all';
      const mac = formatMac(bytes.subarray(0, 6));
      return names.get(mac) ?? mac;
    },
  };
}
