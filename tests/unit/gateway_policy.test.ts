// SPDX-License-Identifier: MIT
// gateway_policy.test - which destinations a policy allows: the floor, entries, their order, and what is malformed

import { createPolicy, type Policy, type PolicyEntry } from 'ringstack/gateway';
import { describe, expect, test } from 'vitest';

const GUEST = { address: '10.0.0.5', name: 'build' };

/** The rule that decides, with a sign for the decision. */
function decide(
  policy: Policy,
  address: string,
  port = 443,
  names: string[] = [],
  more: { protocol?: 'tcp' | 'udp' | 'icmp'; source?: { address: string; name?: string } } = {},
): string {
  const { protocol = 'tcp', source = GUEST } = more;
  const decision = createPolicy(policy).decide({ protocol, source, address, port, names });
  return `${decision.isAllowed ? '+' : '-'} ${decision.rule}`;
}

/** First, some and last addresses of every part of the floor. */
const FLOOR: readonly (readonly [string, readonly string[]])[] = [
  ['reserved', ['0.0.0.0', '0.255.255.255']],
  ['private', ['10.0.0.0', '10.255.255.255']],
  ['private', ['100.64.0.0', '100.127.255.255']],
  ['loopback', ['127.0.0.0', '127.0.0.1', '127.255.255.255']],
  ['link-local', ['169.254.0.0', '169.254.255.255']],
  ['metadata', ['169.254.169.254', '169.254.170.2', '100.100.100.200']],
  ['private', ['172.16.0.0', '172.31.255.255']],
  ['reserved', ['192.0.0.0', '192.0.0.255', '192.0.2.1', '198.51.100.1', '203.0.113.255']],
  ['private', ['192.168.0.0', '192.168.255.255']],
  ['reserved', ['198.18.0.0', '198.19.255.255']],
  ['multicast', ['224.0.0.0', '239.255.255.255']],
  ['reserved', ['240.0.0.0', '255.255.255.255']],
  ['loopback', ['::1']],
  [
    'reserved',
    ['::', '100::1', '2001::1', '2001:1ff::1', '2001:db8::1', '3fff::1', '64:ff9b:1::1'],
  ],
  ['private', ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fec0::1']],
  ['metadata', ['fd00:ec2::254']],
  ['link-local', ['fe80::', 'febf:ffff::1']],
  ['multicast', ['ff00::', 'ff02::1', 'ffff::1']],
];

/** IPv4 in IPv6. */
const WRITTEN = [
  (ip: string): string => `::ffff:${ip}`,
  (ip: string): string => `64:ff9b::${ip}`,
  (ip: string): string => `::${ip}`,
  (ip: string): string => {
    const [a = 0, b = 0, c = 0, d = 0] = ip.split('.').map(Number);
    return `2002:${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}::1`;
  },
];

describe('the floor', () => {
  const cases = FLOOR.flatMap(([name, list]) => list.map((address) => [address, name] as const));

  test.each(cases)('refuses %s: %s', (address, name) => {
    expect(decide({}, address)).toBe(`- floor: ${name}`);
    // An entry of allow is below it.
    expect(decide({ allow: [address, '*'], default: 'allow' }, address)).toBe(`- floor: ${name}`);
  });

  test.each(cases.filter(([address]) => !address.includes(':')))(
    'refuses %s however it is written',
    (address, name) => {
      for (const write of WRITTEN) {
        const [first] = address.split('.');
        // These two are ranges of IPv6 with a meaning of their own.
        if (
          write(address).startsWith('::0.') ||
          (first === '0' && write(address).startsWith('::'))
        ) {
          continue;
        }
        const rule = decide({}, write(address));
        const isEmbedded = write(address).startsWith('2002:') || /^::\d/.test(write(address));
        // The addresses of metadata are known as IPv4, mapped and NAT64; elsewhere their range refuses them.
        if (name === 'metadata' && isEmbedded) expect(rule).toMatch(/^- floor: /);
        else expect(rule).toBe(`- floor: ${name}`);
      }
    },
  );

  test.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2600::1',
    '2a00:1450::1',
    '::ffff:9.9.9.9',
    '64:ff9b::9.9.9.9',
    '2002:909:909::1',
  ])('lets %s through', (address) => {
    expect(decide({}, address)).toBe('+ default');
  });

  test.each([
    ['private', '10.1.1.1', 'fd00::1'],
    ['loopback', '127.0.0.1', '::1'],
    ['link-local', '169.254.1.1', 'fe80::1'],
    ['multicast', '224.0.0.1', 'ff02::1'],
    ['reserved', '198.18.0.1', '2001:db8::1'],
    ['metadata', '169.254.169.254', 'fd00:ec2::254'],
  ])('opens %s by name, and nothing else', (name, four, six) => {
    expect(decide({ override: [name] }, four)).toBe('+ default');
    expect(decide({ override: [name] }, six)).toBe('+ default');
    if (name !== 'metadata')
      expect(decide({ override: [name] }, `::ffff:${four}`)).toBe('+ default');
    const others = FLOOR.filter(([other]) => other !== name);
    for (const [other, list] of others) {
      for (const address of list) {
        expect(decide({ override: [name] }, address)).toBe(`- floor: ${other}`);
      }
    }
  });

  test('opens the addresses of a CIDR alone, and never metadata', () => {
    const policy = { override: ['192.168.7.0/24', '169.254.0.0/16'] };
    expect(decide(policy, '192.168.7.9')).toBe('+ default');
    expect(decide(policy, '::ffff:192.168.7.9')).toBe('+ default');
    expect(decide(policy, '192.168.8.9')).toBe('- floor: private');
    expect(decide(policy, '169.254.1.1')).toBe('+ default');
    expect(decide(policy, '169.254.169.254')).toBe('- floor: metadata');
  });
});

describe('entries', () => {
  test.each([
    ['9.9.9.9', '9.9.9.9', 443, true],
    ['9.9.9.9', '9.9.9.10', 443, false],
    ['9.9.9.0/24', '9.9.9.255', 1, true],
    ['9.9.9.0/24', '9.9.8.255', 1, false],
    ['9.9.9.9:443', '9.9.9.9', 443, true],
    ['9.9.9.9:443', '9.9.9.9', 444, false],
    ['9.9.9.0/24:80-90', '9.9.9.1', 90, true],
    ['9.9.9.0/24:80-90', '9.9.9.1', 91, false],
    ['2600::/16', '2600::1', 443, true],
    ['2600::1', '2600::1', 443, true],
    ['[2600::1]:53', '2600::1', 53, true],
    ['[2600::1]:53', '2600::1', 54, false],
    ['[2600::]/16:53', '2600:1::1', 53, true],
    ['9.9.9.9', '::ffff:9.9.9.9', 443, true],
    ['9.9.9.9', '64:ff9b::9.9.9.9', 443, true],
    ['*', '9.9.9.9', 443, true],
    ['*:443', '9.9.9.9', 443, true],
    ['*:443', '9.9.9.9', 80, false],
    ['db.example', '9.9.9.9', 443, true],
    ['DB.example.', '9.9.9.9', 443, true],
    ['db.example:5432', '9.9.9.9', 443, false],
    ['*.example', '9.9.9.9', 443, true],
    ['example', '9.9.9.9', 443, false],
    ['*.db.example', '9.9.9.9', 443, false],
    ['xdb.example', '9.9.9.9', 443, false],
  ] as const)('%s for %s:%i: %s', (entry, address, port, isAllowed) => {
    const names = ['db.example'];
    const rule = isAllowed ? `+ allow: ${entry}` : '- default';
    expect(decide({ allow: [entry] }, address, port, names)).toBe(rule);
    const denied = isAllowed ? `- deny: ${entry}` : '+ default';
    expect(decide({ deny: [entry] }, address, port, names)).toBe(denied);
  });

  test('are asked in the order floor, deny, allow, default', () => {
    const policy: Policy = { deny: ['9.9.9.9'], allow: ['9.9.9.0/24', '10.0.0.0/8'] };
    expect(decide(policy, '10.1.1.1')).toBe('- floor: private');
    expect(decide(policy, '9.9.9.9')).toBe('- deny: 9.9.9.9');
    expect(decide(policy, '9.9.9.8')).toBe('+ allow: 9.9.9.0/24');
    expect(decide(policy, '8.8.8.8')).toBe('- default');
    expect(decide({ ...policy, default: 'allow' }, '8.8.8.8')).toBe('+ default');
    expect(decide({ default: 'deny' }, '8.8.8.8')).toBe('- default');
  });

  test.each([
    [{ to: '9.9.9.9', guest: '10.0.0.5' }, true],
    [{ to: '9.9.9.9', guest: '10.0.0.0/24' }, true],
    [{ to: '9.9.9.9', guest: '10.0.0.6' }, false],
    [{ to: '9.9.9.9', guest: 'build' }, true],
    [{ to: '9.9.9.9', guest: 'other' }, false],
    [{ to: '9.9.9.9', protocol: 'tcp' }, true],
    [{ to: '9.9.9.9', protocol: 'udp' }, false],
  ] as [PolicyEntry, boolean][])('%j may be for some guests or one protocol', (entry, isFit) => {
    expect(decide({ allow: [entry] }, '9.9.9.9')).toBe(isFit ? '+ allow: 9.9.9.9' : '- default');
  });

  test('with ports say nothing about pings', () => {
    const ping = { protocol: 'icmp' } as const;
    expect(decide({ allow: ['9.9.9.9:443'] }, '9.9.9.9', 0, [], ping)).toBe('- default');
    expect(decide({ allow: ['9.9.9.9'] }, '9.9.9.9', 0, [], ping)).toBe('+ allow: 9.9.9.9');
  });

  test.each([53, 853, 5353, 5355, 137])('by name refuse other name servers: port %i', (port) => {
    const refused = '- another name server';
    expect(decide({ deny: ['evil.example'] }, '9.9.9.9', port)).toBe(refused);
    expect(decide({ allow: ['*.example', '*'] }, '9.9.9.9', port)).toBe(refused);
    expect(decide({ allow: ['*.example', '9.9.9.9'] }, '9.9.9.9', port)).toBe('+ allow: 9.9.9.9');
    expect(decide({}, '9.9.9.9', port)).toBe('+ default');
  });

  test.each([
    [{ deny: ['evil.example'] }, 'evil.example', false],
    [{ deny: ['evil.example'] }, 'good.example', true],
    [{ deny: ['*.example'] }, 'a.b.example', false],
    [{ deny: ['evil.example:25'] }, 'evil.example', true],
    [{ allow: ['good.example'] }, 'good.example', true],
    [{ allow: ['good.example:443'] }, 'good.example', true],
    [{ allow: ['good.example'] }, 'data.evil.example', false],
    [{ allow: ['9.9.9.9'] }, 'any.example', true],
    [{ allow: ['good.example', '*:443'] }, 'any.example', true],
    [{ deny: [{ to: 'evil.example', protocol: 'udp' }] }, 'evil.example', true],
    [{ deny: [{ to: 'evil.example', protocol: 'tcp' }, 'evil.example'] }, 'evil.example', false],
    [{ allow: [{ to: 'good.example', protocol: 'udp' }] }, 'good.example', true],
    [{}, 'any.example', true],
  ] as [Policy, string, boolean][])('%j: a look-up of %s', (policy, name, isAllowed) => {
    expect(createPolicy(policy).decideName(name, GUEST).isAllowed).toBe(isAllowed);
  });

  test.each([
    [{ deny: ['evil.example:8443'] }, false],
    [{ deny: ['evil.example:443'] }, true],
    [{ deny: [{ to: 'evil.example', protocol: 'tcp' }] }, false],
    [{ deny: [{ to: 'evil.example', protocol: 'udp' }] }, true],
    [{ allow: ['evil.example:8000-8999'] }, true],
    [{ allow: ['evil.example:443'] }, false],
    [{ allow: [{ to: 'evil.example', protocol: 'udp' }] }, false],
    [{ allow: ['9.9.9.9'] }, false],
    [{}, true],
  ] as [Policy, boolean][])('%j: a redirect to port 8443 of evil.example', (policy, isAllowed) => {
    const table = createPolicy(policy);
    expect(table.decideHost('Evil.Example', 8443, GUEST).isAllowed).toBe(isAllowed);
  });
});

describe('a malformed policy is an error', () => {
  test.each([
    '',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.1:',
    '10.0.0.1:0',
    '10.0.0.1:65536',
    '10.0.0.1:http',
    '10.0.0.1:90-80',
    '10.0.0.1:1-2-3',
    '[::1',
    '[::1]:',
    '::1::',
    'fe80::/129',
    '*.*.example',
    'a.*.example',
    'sp ace',
    'a..b',
    'host/8',
    '*:',
    '*.',
    '1.2.3.4.5',
    5,
    null,
    {},
    { to: 'x', gest: 'y' },
    { to: 'example', guest: 'a:80' },
    { to: 'example', protocol: 'icmp' },
  ] as never[])('%j', (entry) => {
    for (const list of ['allow', 'deny'] as const) {
      expect(() => createPolicy({ [list]: [entry] })).toThrow(
        expect.objectContaining({ code: 'EINVAL' }),
      );
    }
  });

  test.each([
    { override: ['privat'] },
    { override: ['10.0.0.0/99'] },
    { override: 'private' },
    { allow: '*' },
    { default: 'maybe' },
    { alow: [] },
  ] as never[])('%j', (policy) => {
    expect(() => createPolicy(policy)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});
