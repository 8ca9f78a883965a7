// SPDX-License-Identifier: MIT
// dns_nmap.test - ringstack/dns under nmap's scripts, through a tap of the Linux kernel

import { createDns, createZone, type DnsServerOptions, serializeDnsMessage } from 'ringstack/dns';
import { beforeEach, describe, expect, test } from 'vitest';
import { ADDRESS, openKernel, whyNoKernel } from './lib/kernel.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { type Scope, testScope } from './lib/scope.ts';

beforeEach((context) => needs(lacksProgram('nmap'), context));

describe('nmap', () => {
  /** A stack with a name server; runs scripts at its port. */
  async function scan(scope: Scope, forward?: DnsServerOptions['forward']) {
    const kernel = await openKernel(scope);
    const dns = await createDns(kernel.stack);
    const zones = [createZone({ 'a.ring.test': '10.0.0.1' })];
    const server = await dns.serve({ zones, ...(forward && { forward }) });
    const run = (scripts: string, ...args: string[]): Promise<string> => {
      const at = ['-sU', '-Pn', '-n', '-p', '53', '--script', scripts];
      return kernel.run('nmap', ...at, ...args, ADDRESS[4].ours).succeeded();
    };
    return { kernel, dns, server, run };
  }

  test('nmap: dns-fuzz finds no message that stops our server', async (context) => {
    needs(whyNoKernel(), context);
    const scope = testScope();
    const { dns, server, run } = await scan(scope);
    const printed = await run('dns-fuzz', '--script-args', 'dns-fuzz.timelimit=15s');
    expect(printed).not.toMatch(/Server stopped responding|crash/i);
    context.task.meta.figure = `${server.statistics.queries} queries, ${server.statistics.droppedMalformed} malformed`;
    expect(server.statistics.queries).toBeGreaterThan(10);
    expect(
      (
        await server.answer(
          serializeDnsMessage({ questions: [{ name: 'a.ring.test', type: 'A' }] }),
        )
      ).length,
    ).toBeGreaterThan(20);
    await dns.close();
  }, 120_000);

  test('nmap: a server with zones alone is no open resolver and gives no zone away', async (context) => {
    needs(whyNoKernel(), context);
    const scope = testScope();
    const { run } = await scan(scope);
    const args = [
      '--script-args',
      'dns-zone-transfer.domain=ring.test,dns-update.hostname=x.ring.test,dns-update.ip=10.9.9.9',
    ];
    const printed = await run(
      'dns-recursion,dns-nsid,dns-cache-snoop,dns-update,dns-zone-transfer',
      ...args,
    );
    expect(printed).toMatch(/53\/udp\s+open\s+domain/);
    expect(printed).not.toMatch(/Recursion appears to be enabled/);
    expect(printed).not.toMatch(/Successfully added|bind\.version|dns-cache-snoop: [1-9]/);
  }, 120_000);

  test('nmap: dns-recursion sees that a forwarder asks others', async (context) => {
    needs(whyNoKernel(), context);
    const scope = testScope();
    const asked: number[] = [];
    const forward = async (query: Uint8Array): Promise<Uint8Array> => {
      asked.push(((query[0] as number) << 8) | (query[1] as number));
      const reply = query.slice();
      reply[2] = (reply[2] as number) | 0x80;
      return reply;
    };
    const { run } = await scan(scope, forward);
    expect(await run('dns-recursion')).toMatch(/Recursion appears to be enabled/);
    expect(asked.length).toBeGreaterThan(0);
  }, 120_000);
});
