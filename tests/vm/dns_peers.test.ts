// SPDX-License-Identifier: MIT
// dns_peers.test - ringstack/dns against the name servers and clients that everybody has, on 127.0.0.1
//
// Over the sockets of Node: what is tested is DNS, whatever carries it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createDns,
  createZone,
  type DnsClient,
  DnsServer,
  type DnsServerOptions,
  serializeDnsMessage,
} from 'ringstack/dns';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeNetwork } from '../helpers/node_network.ts';
import { freePort } from '../helpers/ports.ts';
import { ADDRESS, openKernel, whyNoKernel } from './lib/kernel.ts';
import {
  clientOf,
  dnsmasq,
  folder,
  HOST,
  knotd,
  MANY,
  named,
  nsd,
  recursor,
  unbound,
  ZONE,
} from './lib/name_servers.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { Program } from './lib/process.ts';
import { type Scope, testScope } from './lib/scope.ts';

const LONG = 'x'.repeat(700);

beforeEach((context) => {
  const program = /^[\w-]+/.exec(context.task.name)?.[0] ?? '';
  needs(lacksProgram(program), context);
});

describe('our client and', () => {
  /** Questions to every peer that can hold all records. */
  async function all(client: DnsClient, { odd = true } = {}): Promise<void> {
    expect(await client.lookupAll('A.ring.TEST.')).toEqual([
      { address: '10.0.0.1', family: 4 },
      { address: 'fd00::1', family: 6 },
    ]);
    expect(await client.lookup('b.ring.test')).toBe('10.0.0.1');
    expect(await client.lookupAll('many.ring.test', { family: 4 })).toHaveLength(MANY.length);
    expect(client.statistics.streams).toBe(1);
    expect((await client.resolve('mx.ring.test', 'MX'))[0]).toMatchObject({
      preference: 10,
      exchange: 'a.ring.test',
    });
    expect((await client.resolve('srv.ring.test', 'SRV'))[0]).toMatchObject({
      port: 5060,
      target: 'a.ring.test',
    });
    expect((await client.resolve('txt.ring.test', 'TXT'))[0]?.value).toHaveLength(455);
    expect((await client.resolve('caa.ring.test', 'CAA'))[0]).toMatchObject({
      tag: 'issue',
      value: 'ca.test',
    });
    expect((await client.resolve('naptr.ring.test', 'NAPTR'))[0]).toMatchObject({
      service: 'E2U+sip',
      replacement: '',
    });
    expect((await client.resolve('sshfp.ring.test', 'SSHFP'))[0]?.fingerprint).toHaveLength(32);
    if (odd) {
      const [record] = await client.resolve('odd.ring.test', 'TYPE65400');
      expect(record?.data).toEqual(Uint8Array.of(1, 2, 3));
    }
    expect((await client.resolve('ring.test', 'SOA'))[0]).toMatchObject({ minimum: 30 });
    await expect(client.resolve('mx.ring.test', 'TXT')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(client.lookup('no.ring.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  }

  test('unbound: every record', async () => all(await clientOf(await unbound(testScope()))));
  test('named: every record', async () => all(await clientOf(await named(testScope()))));
  test('nsd: every record', async () => all(await clientOf(await nsd(testScope()))));

  test('knotd: every record', async () => all(await clientOf(await knotd(testScope()))));

  test('pdns_recursor in front of named', async () => {
    const scope = testScope();
    const upstream = { ip: HOST, port: await named(scope) };
    await clientOf(upstream.port);
    // It fails on types for private use.
    await all(await clientOf(await recursor(scope, upstream)), { odd: false });
  });

  test('named without EDNS and with a short limit', async () => {
    const client = await clientOf(await named(testScope(), 'max-udp-size 512;'));
    expect(await client.lookupAll('many.ring.test', { family: 4 })).toHaveLength(MANY.length);
    await expect(client.lookup('example.com')).rejects.toMatchObject({ code: 'EREFUSED' });
  });

  test('dnssec-signzone: records of DNSSEC', async () => {
    const scope = testScope();
    const dir = folder(scope, { 'ring.zone': ZONE });
    const run = (...command: string[]) => new Program(scope, command, { cwd: dir }).succeeded();
    await run('dnssec-keygen', '-q', '-a', 'ECDSAP256SHA256', '-f', 'KSK', 'ring.test');
    await run('dnssec-keygen', '-q', '-a', 'ECDSAP256SHA256', 'ring.test');
    await run('dnssec-signzone', '-q', '-S', '-3', 'aabb', '-o', 'ring.test', 'ring.zone');
    const signed = readFileSync(join(dir, 'ring.zone.signed'), 'utf8');
    const client = await clientOf(await named(scope, '', signed));
    const keys = await client.resolve('ring.test', 'DNSKEY');
    expect(keys.map(({ flags }) => flags).sort()).toEqual([256, 257]);
    const edns = { dnssecOk: true };
    const questions = [{ name: 'no.ring.test', type: 'A' }] as const;
    const { rcode, authorities } = await client.query({ questions, edns });
    expect(rcode).toBe('NXDOMAIN');
    const types = new Set(authorities.map(({ type }) => type));
    expect(types).toEqual(new Set(['SOA', 'RRSIG', 'NSEC3']));
    const proof = authorities.find((record) => record.type === 'NSEC3');
    expect(proof?.type === 'NSEC3' && [...proof.salt]).toEqual([0xaa, 0xbb]);
  });

  test('dnsmasq', async () => {
    const client = await clientOf(await dnsmasq(testScope()));
    expect(await client.lookup('c.ring.test')).toBe('10.0.0.1');
    expect(await client.reverse('10.0.0.1')).toBe('a.ring.test');
    expect((await client.resolve('mx.ring.test', 'MX'))[0]?.exchange).toBe('a.ring.test');
    await expect(client.resolve('a.ring.test', 'TXT')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(client.lookup('no.ring.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});

describe('our server and', () => {
  const zone = createZone(
    {
      'a.ring.test': ['10.0.0.1', 'fd00::1'],
      'b.ring.test': 'a.ring.test',
      '*.wild.ring.test': '10.0.0.7',
      'many.ring.test': MANY,
      'txt.ring.test': { type: 'TXT', value: LONG },
      'srv.ring.test': { type: 'SRV', priority: 1, weight: 2, port: 5060, target: 'a.ring.test' },
      'svc.ring.test': {
        type: 'HTTPS',
        priority: 1,
        target: '',
        params: { alpn: ['h2'], port: 8443 },
      },
      'mx.ring.test': { type: 'MX', preference: 10, exchange: 'a.ring.test' },
    },
    { origin: 'ring.test' },
  );

  async function serve(scope: Scope, options: DnsServerOptions = { zones: [zone] }) {
    const { serve: listen } = await createDns(nodeNetwork);
    const server = await listen({ host: HOST, port: await freePort('tcp'), ...options });
    scope.defer(() => server.close());
    return server;
  }

  /** Runs a client of DNS against a server. */
  const ask = (scope: Scope, program: string, port: number, ...args: string[]): Promise<string> =>
    new Program(scope, [program, `@${HOST}`, '-p', `${port}`, ...args]).succeeded();

  test('dig: answers, and what is not there', async () => {
    const scope = testScope();
    const { port } = await serve(scope);
    const short = async (...args: string[]) =>
      (await ask(scope, 'dig', port, '+short', ...args)).trim().split('\n');
    expect(await short('a.ring.test', 'A')).toEqual(['10.0.0.1']);
    expect(await short('A.Ring.Test', 'AAAA')).toEqual(['fd00::1']);
    expect(await short('b.ring.test', 'A')).toEqual(['a.ring.test.', '10.0.0.1']);
    expect(await short('x.y.wild.ring.test')).toEqual(['10.0.0.7']);
    expect(await short('-x', '10.0.0.1')).toEqual(['a.ring.test.']);
    expect(await short('-x', 'fd00::1')).toEqual(['a.ring.test.']);
    expect(await short('many.ring.test')).toHaveLength(MANY.length);
    expect(await short('+tcp', 'many.ring.test')).toHaveLength(MANY.length);
    expect((await short('txt.ring.test', 'TXT'))[0]?.replace(/[" ]/g, '')).toBe(LONG);
    expect(await short('srv.ring.test', 'SRV')).toEqual(['1 2 5060 a.ring.test.']);
    expect(await short('svc.ring.test', 'HTTPS')).toEqual(['1 . alpn="h2" port=8443']);
    const full = (...args: string[]) => ask(scope, 'dig', port, ...args);
    expect(await full('a.ring.test', 'MX')).toMatch(/status: NOERROR.*ANSWER: 0, AUTHORITY: 1/s);
    expect(await full('no.ring.test')).toMatch(/status: NXDOMAIN.*ANSWER: 0, AUTHORITY: 1/s);
    expect(await full('example.com')).toMatch(/status: REFUSED/);
    expect(await full('a.ring.test', '+edns=9', '+noednsneg')).toMatch(/status: BADVERS/);
    expect(await full('a.ring.test', '+opcode=notify')).toMatch(/status: NOTIMP/);
    expect(await full('many.ring.test', '+noedns', '+ignore')).toMatch(/flags: qr aa tc rd/);
    expect(await full('+keepopen', '+tcp', 'a.ring.test', 'A', 'b.ring.test', 'A')).toMatch(
      /a\.ring\.test\..*10\.0\.0\.1.*b\.ring\.test\./s,
    );
    expect(await full('+norecurse', 'a.ring.test')).not.toMatch(/WARNING|malformed|mismatch/i);
  });

  test('kdig and its checks of what comes', async () => {
    const scope = testScope();
    const { port } = await serve(scope);
    expect(await ask(scope, 'kdig', port, 'a.ring.test', 'ANY')).toMatch(/10\.0\.0\.1.*fd00::1/s);
    expect(await ask(scope, 'kdig', port, '+tcp', 'many.ring.test')).toMatch(/ANSWER: 100;/);
    expect(await ask(scope, 'kdig', port, '+padding=128', '+cookie', 'a.ring.test')).toMatch(
      /10\.0\.0\.1/,
    );
  });

  test('drill', async () => {
    const scope = testScope();
    const { port } = await serve(scope);
    const printed = await new Program(scope, [
      'drill',
      '-p',
      `${port}`,
      'mx.ring.test',
      `@${HOST}`,
      'MX',
    ]).succeeded();
    expect(printed).toMatch(/rcode: NOERROR.*10\s+a\.ring\.test\./s);
  });

  test('delv: reads answers whole', async () => {
    const scope = testScope();
    const { port } = await serve(scope);
    const run = (...args: string[]) => ask(scope, 'delv', port, '+noroot', ...args);
    expect(await run('b.ring.test', 'A')).toMatch(
      /; authoritative\nb\.ring\.test\.\s+\d+\s+IN\s+CNAME\s+a\.ring\.test\.\n.*10\.0\.0\.1/s,
    );
    expect((await run('many.ring.test')).match(/10\.1\.0\./g)).toHaveLength(MANY.length);
  });

  test('pdns_recursor as a client that forwards to it', async () => {
    const scope = testScope();
    const { port } = await serve(scope);
    const client = await clientOf(await recursor(scope, { ip: HOST, port }));
    expect(await client.lookup('b.ring.test')).toBe('10.0.0.1');
    expect(await client.lookupAll('many.ring.test', { family: 4 })).toHaveLength(MANY.length);
    await expect(client.resolve('a.ring.test', 'TXT')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(client.lookup('no.ring.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('unbound as a client that forwards to it', async () => {
    const scope = testScope();
    const { port } = await serve(scope);
    const client = await clientOf(await unbound(scope, { ip: HOST, port }));
    expect(await client.lookup('b.ring.test')).toBe('10.0.0.1');
    expect(await client.lookupAll('many.ring.test', { family: 4 })).toHaveLength(MANY.length);
    await expect(client.resolve('a.ring.test', 'TXT')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(client.lookup('no.ring.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('dnsmasq as a client that forwards to it', async () => {
    const scope = testScope();
    const { port } = await serve(scope);
    const client = await clientOf(await dnsmasq(scope, { ip: HOST, port }));
    expect(await client.lookup('x.wild.ring.test')).toBe('10.0.0.7');
    expect(await client.lookupAll('many.ring.test', { family: 4 })).toHaveLength(MANY.length);
    await expect(client.resolve('a.ring.test', 'TXT')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(client.lookup('no.ring.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('named behind it, as the server that it forwards to', async () => {
    const scope = testScope();
    const upstream = { ip: HOST, port: await named(scope) };
    await clientOf(upstream.port);
    const { port } = await serve(scope, { forward: upstream, rebind: ['ring.test'] });
    const client = await clientOf(port);
    expect(await client.lookupAll('many.ring.test', { family: 4 })).toHaveLength(MANY.length);
    expect((await client.resolve('odd.ring.test', 'TYPE65400'))[0]?.data).toEqual(
      Uint8Array.of(1, 2, 3),
    );
    await expect(client.lookup('no.ring.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('dnsperf: none is lost', async (context) => {
    const scope = testScope();
    const { port } = await serve(scope);
    const dir = folder(scope, {
      queries: 'a.ring.test A\nb.ring.test A\nno.ring.test A\nx.wild.ring.test AAAA\n',
    });
    const command = [
      'dnsperf',
      '-s',
      HOST,
      '-p',
      `${port}`,
      '-d',
      join(dir, 'queries'),
      '-n',
      '2500',
      '-q',
      '50',
    ];
    const printed = await new Program(scope, command).succeeded();
    expect(printed).toMatch(/Queries completed:\s+10000 \(100\.00%\)/);
    context.task.meta.figure = `${/Queries per second:\s+(\d+)/.exec(printed)?.[1]} answers/s over node:dgram`;
  });

  test('dnsperf: through a tap to a stack, none is lost', async (context) => {
    needs(whyNoKernel(), context);
    const scope = testScope();
    const kernel = await openKernel(scope);
    const dns = await createDns(kernel.stack);
    await dns.serve({ zones: [zone] });
    const dir = folder(scope, { queries: 'a.ring.test A\nb.ring.test A\nno.ring.test A\n' });
    const load = ['-d', join(dir, 'queries'), '-n', '10000', '-q', '200', '-c', '4'];
    const program = kernel.run('dnsperf', '-s', ADDRESS[4].ours, ...load);
    const printed = await program.succeeded();
    expect(printed).toMatch(/Queries completed:\s+30000 \(100\.00%\)/);
    context.task.meta.figure = `${/Queries per second:\s+(\d+)/.exec(printed)?.[1]} answers/s through a tap`;
  });

  test('tshark finds no fault with what is said', async () => {
    const scope = testScope();
    const server = new DnsServer(null, { zones: [zone] });
    const dump: string[] = [];
    const asked = [
      ['a.ring.test', 'A'],
      ['many.ring.test', 'A'],
      ['txt.ring.test', 'TXT'],
      ['svc.ring.test', 'HTTPS'],
      ['no.ring.test', 'A'],
      ['ring.test', 'SOA'],
    ] as const;
    for (const [name, type] of asked) {
      const edns = { udpSize: 1232 };
      const bytes = await server.answer(
        serializeDnsMessage({ questions: [{ name, type }], edns }),
        { transport: 'udp' },
      );
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
      dump.push(`0000 ${hex}\n`);
    }
    const dir = folder(scope, { dump: dump.join('\n') });
    await new Program(scope, [
      'text2pcap',
      '-q',
      '-u',
      '53,40000',
      `${dir}/dump`,
      `${dir}/pcap`,
    ]).succeeded();
    const fields = [
      '-T',
      'fields',
      '-e',
      'dns.flags.rcode',
      '-e',
      'dns.count.answers',
      '-e',
      '_ws.malformed',
    ];
    const read = await new Program(scope, ['tshark', '-n', '-r', `${dir}/pcap`, ...fields], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }).succeeded();
    const rows = read
      .trimEnd()
      .split('\n')
      .map((row) => row.split('\t'));
    expect(rows.map(([rcode]) => rcode)).toEqual(['0', '0', '0', '0', '3', '0']);
    expect(rows.every(([, , malformed = '']) => malformed === '')).toBe(true);
  });
});
