// SPDX-License-Identifier: MIT
// units - numbers as people read them

/** Three significant digits: 0.12, 1.23, 12.3, 123. */
function digits(value: number): string {
  if (value >= 100 || value === 0) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

const scale = (value: number, units: readonly string[]): string => {
  let at = 0;
  let scaled = value;
  while (scaled >= 999.5 && at < units.length - 1) {
    scaled /= 1000;
    at++;
  }
  return `${digits(scaled)} ${units[at]}`;
};

/** Bits a second, in SI units. */
export const bitRate = (value: number): string =>
  scale(value, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']);

/** Packets a second. */
export const packetRate = (value: number): string => scale(value, ['/s', 'k/s', 'M/s']);

/** Bytes, in SI units. */
export const byteCount = (value: number): string =>
  value < 999.5 ? `${value.toFixed(0)} B` : scale(value, ['B', 'kB', 'MB', 'GB', 'TB']);

/** A count with its thousands set apart. */
export const count = (value: number): string => Math.round(value).toLocaleString('en');

/** The smallest of 1, 2, 5 times a power of ten that is not below a value and not below a floor. */
export function niceCeiling(value: number, floor: number): number {
  const wanted = Math.max(value, floor);
  const power = 10 ** Math.floor(Math.log10(wanted));
  return power * ([1, 2, 5].find((step) => step * power >= wanted) ?? 10);
}
