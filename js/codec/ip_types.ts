// SPDX-License-Identifier: MIT
// ip_types - protocol numbers of IP (IANA), which the codecs above IP need as well

/** Numbers of protocols and of extension headers. */
export const IP_PROTOCOL = {
  hopByHop: 0,
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  authentication: 51,
  icmpv6: 58,
  none: 59,
  destinationOptions: 60,
} as const;
