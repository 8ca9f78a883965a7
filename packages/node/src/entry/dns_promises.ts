// SPDX-License-Identifier: MIT
// dns_promises - ringstack-node/dns/promises: node:dns/promises over the stack of useStack(), for aliases

import dns from './dns.ts';

const { promises } = dns;

export default promises;
export const {
  Resolver,
  getDefaultResultOrder,
  getServers,
  lookup,
  lookupService,
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
} = promises;
