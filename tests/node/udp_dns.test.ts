// SPDX-License-Identifier: MIT
// udp_dns.test - ringstack-node: node:dgram and node:dns over a stack

import { once } from 'node:events';
import { createDns, createZone } from 'ringstack/dns';
import { createNodeDgram, createNodeDns } from 'ringstack-node';
import { expect, onTestFinished, test } from 'vitest';
import { openStack } from '../helpers/net.ts';

test('datagrams arrive with the address of their sender', async () => {
  const dgram = createNodeDgram(await openStack());
  const server = dgram.createSocket('udp4');
  server.bind(53, '127.0.0.1');
  await once(server, 'listening');
  expect(server.address()).toEqual({ address: '127.0.0.1', family: 'IPv4', port: 53 });
  const client = dgram.createSocket('udp4');
  client.send([Buffer.from('he'), 'llo'], 53, '127.0.0.1');
  const [message, from] = await once(server, 'message');
  expect(String(message)).toBe('hello');
  expect(from).toEqual({
    address: '127.0.0.1',
    family: 'IPv4',
    port: client.address().port,
    size: 5,
  });
  server.close();
  client.close();
});

test('a connected socket hears that nobody listens', async () => {
  const dgram = createNodeDgram(await openStack());
  const client = dgram.createSocket('udp4');
  onTestFinished(() => void client.close());
  client.connect(9, '127.0.0.1');
  await once(client, 'connect');
  expect(client.remoteAddress()).toEqual({ address: '127.0.0.1', family: 'IPv4', port: 9 });
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => client.once('error', resolve));
  client.send('x');
  expect((await failed).code).toBe('ECONNREFUSED');
});

test('a datagram to a group comes to a member', async () => {
  const dgram = createNodeDgram(await openStack());
  const member = dgram.createSocket({ type: 'udp4', reuseAddr: true });
  member.bind(5000);
  await once(member, 'listening');
  member.addMembership('239.1.2.3', '127.0.0.1');
  expect(() => member.addMembership('10.0.0.1')).toThrow('addMembership EINVAL');
  const sender = dgram.createSocket('udp4');
  sender.bind();
  await once(sender, 'listening');
  sender.setMulticastInterface('127.0.0.1');
  const heard = once(member, 'message');
  const timer = setInterval(() => sender.send('group', 5000, '239.1.2.3'), 20);
  const [message] = await heard;
  clearInterval(timer);
  expect(String(message)).toBe('group');
  sender.close();
  member.close();
});

test('names are found in the hosts and by the resolver, with the errors of Node', async () => {
  const stack = await openStack({ hosts: '10.0.0.2 db.internal\nfd00::2 db.internal' });
  const zone = createZone({
    'www.example': ['192.0.2.1', '2001:db8::1'],
    'mail.example': { type: 'MX', preference: 10, exchange: 'mx.example' },
    'text.example': { type: 'TXT', value: 'a=b' },
  });
  const nameServer = { ip: '127.0.0.1', port: 53 };
  const names = await createDns(stack, { client: { nameServer } });
  onTestFinished(() => names.close());
  await names.serve({ port: 53, zones: [zone] });
  stack.resolver = names;
  const { promises: dns } = createNodeDns(stack);
  expect(await dns.lookup('db.internal', { all: true })).toEqual([
    { address: '10.0.0.2', family: 4 },
    { address: 'fd00::2', family: 6 },
  ]);
  expect(await dns.lookup('localhost', 6)).toEqual({ address: '::1', family: 6 });
  expect(await dns.lookup('www.example')).toEqual({ address: '192.0.2.1', family: 4 });
  expect(await dns.resolve4('www.example')).toEqual(['192.0.2.1']);
  expect(await dns.resolveMx('mail.example')).toEqual([{ exchange: 'mx.example', priority: 10 }]);
  expect(await dns.resolveTxt('text.example')).toEqual([['a=b']]);
  await expect(dns.resolve6('none.example')).rejects.toMatchObject({
    code: 'ENOTFOUND',
    syscall: 'queryAaaa',
    hostname: 'none.example',
  });
  await expect(dns.lookup('none.example')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  const own = new (createNodeDns(stack).Resolver)();
  own.setServers(['127.0.0.1:53']);
  const found = await new Promise((resolve) =>
    own.resolve('www.example', (_, all) => resolve(all)),
  );
  expect(found).toEqual(['192.0.2.1']);
});
