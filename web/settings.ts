// SPDX-License-Identifier: MIT
// settings - the values of the controls, and their form in the address of the page
//
// The part behind # keeps the values that differ from the defaults, so a link to the page shows the same. It may
// be any text: unknown settings and values out of range are ignored.

import type { Direction, Engine, Wire } from './messages.ts';

/** Everything that can be chosen. */
export interface Settings {
  readonly direction: Direction;
  readonly wire: Wire;
  readonly engine: Engine;
  /** Version of IP. */
  readonly ip: 4 | 6;
  readonly mtu: number;
  /** Percent of frames lost in each direction. */
  readonly loss: number;
}

/** The settings that the page begins with. */
export const DEFAULTS: Settings = {
  direction: 'up',
  wire: 'inspected',
  engine: 'inline',
  ip: 4,
  mtu: 1500,
  loss: 0,
};

/** The values of the MTU's slider. */
export const MTUS: readonly number[] = [576, 1280, 1500, 4000, 9000, 16_000, 32_000, 65_520];

/** Largest loss, percent. */
export const MAX_LOSS = 20;

/** The smallest MTU for IPv6. */
const IPV6_LEAST = 1280;

const CHOICES = {
  direction: ['up', 'down', 'both'],
  wire: ['inspected', 'direct'],
  engine: ['inline', 'worker'],
  ip: [4, 6],
  mtu: MTUS,
} as const;

/** The same settings, with values that exclude each other corrected: IPv6 has a smallest MTU. */
export function settle(settings: Settings): Settings {
  const isTooSmall = settings.ip === 6 && settings.mtu < IPV6_LEAST;
  return isTooSmall ? { ...settings, mtu: IPV6_LEAST } : settings;
}

/** Reads the part behind the #. */
export function parseHash(hash: string): Settings {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const chosen = Object.entries(CHOICES).flatMap(([name, values]) => {
    const value = values.find((one) => `${one}` === given.get(name));
    return value === undefined ? [] : [[name, value]];
  });
  const loss = given.get('loss') ?? '';
  const isLoss = /^\d{1,2}$/.test(loss) && Number(loss) <= MAX_LOSS;
  return settle({
    ...DEFAULTS,
    ...Object.fromEntries(chosen),
    ...(isLoss ? { loss: Number(loss) } : {}),
  });
}

/** The part behind the #; '' for the settings that the page begins with. */
export function formatHash(settings: Settings): string {
  const changed = Object.entries(settings).filter(([name, value]) => {
    return value !== DEFAULTS[name as keyof Settings];
  });
  const text = changed.map(([name, value]) => `${name}=${value}`).join('&');
  return text && `#${text}`;
}
