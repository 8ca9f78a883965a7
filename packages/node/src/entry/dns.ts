// SPDX-License-Identifier: MIT
// dns - ringstack-node/dns: node:dns over the stack of useStack(), for aliases

import { createNodeDns } from '../dns/dns.ts';
import { currentStack } from '../stack_source.ts';

const dns = createNodeDns(currentStack());

export default dns;
export const {
  Resolver,
  getDefaultResultOrder,
  getServers,
  lookup,
  lookupService,
  promises,
  resolve,
  resolve4,
  resolve6,
  resolveAny,
  resolveCaa,
  resolveCname,
  resolveMx,
  resolveNaptr,
  resolveNs,
  resolvePtr,
  resolveSoa,
  resolveSrv,
  resolveTxt,
  reverse,
  setDefaultResultOrder,
  setServers,
} = dns;
