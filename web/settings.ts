// SPDX-License-Identifier: MIT
// settings - what the controls say, and how it stands in the address of the page
//
// The part behind # keeps what differs from the defaults: a link to the page shows the same. It may hold
// anything; what is no setting, or out of range, counts as not there.

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

/** What the page begins with. */
export const DEFAULTS: Settings = {
  direction: 'up',
  wire: 'inspected',
  engine: 'inline',
  ip: 4,
  mtu: 1500,
  loss: 0,
};

/** What the slider of the MTU can be set to. */
export const MTUS: readonly number[] = [576, 1280, 1500, 4000, 9000, 16_000, 32_000, 65_520];

/** Percent of loss at the most. */
export const MAX_LOSS = 20;

/** The least MTU that IPv6 is carried by. */
const IPV6_LEAST = 1280;

const CHOICES = {
  direction: ['up', 'down', 'both'],
  wire: ['inspected', 'direct'],
  engine: ['inline', 'worker'],
  ip: [4, 6],
  mtu: MTUS,
} as const;

/** The same settings with what cannot be together put right: IPv6 has a least MTU. */
export function settle(settings: Settings): Settings {
  const isTooSmall = settings.ip === 6 && settings.mtu < IPV6_LEAST;
  return isTooSmall ? { ...settings, mtu: IPV6_LEAST } : settings;
}

/** Reads what stands behind the #. */
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

/** What to put behind the #; '' if all is as it begins. */
export function formatHash(settings: Settings): string {
  const changed = Object.entries(settings).filter(([name, value]) => {
    return value !== DEFAULTS[name as keyof Settings];
  });
  const text = changed.map(([name, value]) => `${name}=${value}`).join('&');
  return text && `#${text}`;
}
