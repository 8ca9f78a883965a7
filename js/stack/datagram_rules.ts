// SPDX-License-Identifier: MIT
// datagram_rules - what options of UDP, ICMP and pings have in common

import { type Rule, whole } from '../util/check.ts';

/** Time to live where the program says none (RFC 1700). */
export const TTL = 64;

/** Accepts a time to live. */
export const ttlRule = whole(1, 255);

/** Accepts a family. */
export const familyRule: Rule = (value) => (value === 4 || value === 6 ? undefined : '4 or 6');
