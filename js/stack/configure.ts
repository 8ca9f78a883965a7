// SPDX-License-Identifier: MIT
// configure - taps that get their addresses from the network: `ip: 'dhcp'`, `ip: 'slaac'`, and the option `link`
//
// The tap is created with the addresses that are given, plugged in, and then configured by the clients of ringstack/dhcp.
// All of this is one file of dist/, which the first tap of this kind loads: each more would cut the main entry into pieces.
// A tap that gets no address in time is removed. When it is removed
// later, the sockets of its clients end, and the clients with them.

import type { TapInterface, TapInterfaceOptions } from '../api/interface.ts';
import type { NetworkStack } from '../api/stack.ts';
import { NetError } from '../errors.ts';
import { connect } from '../link/connect.ts';
import { show } from '../util/check.ts';
import { isHostName } from '../util/host.ts';
import { useDhcp } from './configure_dhcp.ts';
import { useSlaac } from './configure_slaac.ts';

const ACTION = 'Cannot create a tap interface';

const refuse = (what: string, reason: string): NetError =>
  new NetError('EINVAL', `${ACTION} with ${what}`, { reason });

/**
 * Creates a tap that is plugged in, and configured by the network.
 *
 * @param stack - Its stack.
 * @param options - With `link`, or an `ip` of which some is `dhcp` or `slaac`.
 * @returns The tap, when it has all its addresses.
 * @throws {NetError} As createTapInterface() of the stack.
 */
export async function createConfigured(
  stack: NetworkStack,
  options: TapInterfaceOptions,
): Promise<TapInterface> {
  const { ip = [], dhcp, slaac, link, ...rest } = options;
  const list = [ip].flat() as string[];
  const fixed = list.filter((one) => one !== 'dhcp' && one !== 'slaac');
  const isLeased = list.includes('dhcp');
  const isRouted = list.includes('slaac');
  const word = fixed.find(isHostName);
  if (word !== undefined) {
    throw refuse(`ip ${show(word)}`, "must be addresses as CIDRs, 'dhcp' or 'slaac'");
  }
  const four = fixed.find((one) => typeof one === 'string' && !one.includes(':'));
  if (isLeased && four !== undefined) {
    throw refuse(`ip ${show(list)}`, "must be either one IPv4 address or 'dhcp'");
  }
  if (dhcp && !isLeased) throw refuse('the option dhcp', "must go with ip: 'dhcp'");
  if (slaac && !isRouted) throw refuse('the option slaac', "must go with ip: 'slaac'");
  const tap = await stack.createTapInterface({ ...rest, ip: fixed });
  try {
    if (link) connect(tap, link);
    await Promise.all([
      isLeased && useDhcp(stack, tap, dhcp ?? {}),
      isRouted && useSlaac(stack, tap, slaac ?? {}),
    ]);
    return tap;
  } catch (error) {
    await stack.removeInterface(tap).catch(() => {});
    throw error;
  }
}
