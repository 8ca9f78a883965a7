// SPDX-License-Identifier: MIT
// v86 - a stack and a Linux guest in v86 on one cable; the guest starts from a state that was kept

import type { NetworkStack, TapInterface } from 'ringstack';
import { createStack } from 'ringstack';
import { connectV86, type V86ConnectOptions } from 'ringstack/v86';
import type { V86 } from 'v86';
import { openGuest } from '../../../tools/guest/v86_guest.mjs';
import type { Serial } from '../../../tools/guest/v86_serial.mjs';
import type { Scope } from './scope.ts';

/** Addresses of the two ends, and of a second guest. */
export const ADDRESS = {
  guest: '192.168.1.2',
  ours: '192.168.1.1',
  other: '192.168.1.3',
} as const;

/** Commands that make a guest the second one: both come from one state. */
export const BECOME_THE_OTHER =
  'ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:03;' +
  ` ip addr flush dev eth0; ip addr add ${ADDRESS.other}/24 dev eth0; ip link set eth0 up`;

/** The guest's card. */
export interface Card {
  readonly type: 'ne2k' | 'virtio';
  readonly mtu: number;
}

/** A guest that takes commands. */
export interface Guest {
  readonly emulator: V86;
  readonly serial: Serial;
}

/** A guest, until the end of the scope. */
export async function openV86(
  scope: Scope,
  options: Partial<Card> & { state?: ArrayBuffer } = {},
): Promise<Guest> {
  const guest: Guest = await openGuest(options);
  scope.defer(() => guest.emulator.destroy());
  return guest;
}

/** A stack, until the end of the scope. */
export async function openStack(scope: Scope): Promise<NetworkStack> {
  const stack = await createStack();
  scope.defer(() => stack.close());
  return stack;
}

/** Both, on one cable. */
export async function openLab(
  scope: Scope,
  card: Card,
  options: V86ConnectOptions = {},
): Promise<Guest & { stack: NetworkStack; tap: TapInterface }> {
  const guest = await openV86(scope, card);
  const stack = await openStack(scope);
  const tap = await connectV86(stack, guest.emulator, { ip: `${ADDRESS.ours}/24`, ...options });
  return { ...guest, stack, tap };
}
