// SPDX-License-Identifier: MIT
// mdns_messages.test - mDNS message by message: probes, answers, suppression, legacy queriers, lookups and browsers

import type { DnsMessage, DnsRecord } from 'ringstack/dns';
import type { Mdns, ServiceEvent } from 'ringstack/mdns';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  address,
  advance,
  FLUSH,
  GROUP,
  HTTP,
  LIST,
  MdnsPeer,
  place,
  pointer,
  question,
  text,
} from '../helpers/mdns_peer.ts';
import { outcome } from '../helpers/net.ts';

async function publish(mdns: Mdns, peer: MdnsPeer) {
  const publishing = mdns.publish({ name: 'Web', type: HTTP, port: 80 });
  await advance(3000);
  peer.sent.length = 0;
  return publishing;
}

test('probes three times with what it wants to have, announces twice, and says goodbye', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open({ hostname: 'vm' });
  expect(peer.opened).toMatchObject({
    port: 5353,
    reuseAddress: true,
    ttl: 255,
    multicastTtl: 255,
  });
  expect(peer.groups).toEqual(['224.0.0.251']);
  const probes = peer.sent.slice(0, 3);
  for (const { message, host, port } of probes) {
    expect({ host, port }).toEqual(GROUP);
    expect(message).toMatchObject({
      isResponse: false,
      questions: [{ name: 'vm.local', type: 'ANY', class: FLUSH }],
      authorities: [{ name: 'vm.local', type: 'A', class: 'IN', ip: '10.0.0.1' }],
    });
  }
  const [first = 0, second = 0, third = 0] = probes.map(({ at }) => at);
  expect([second - first, third - second].map(Math.round)).toEqual([250, 250]);
  const announcements = peer.sent.slice(3);
  expect(announcements).toHaveLength(2);
  for (const { message } of announcements) {
    expect(message).toMatchObject({ isResponse: true, authoritative: true, id: 0, questions: [] });
    expect(message.answers).toEqual([
      { name: 'vm.local', type: 'A', class: FLUSH, ttl: 120, ip: '10.0.0.1' },
      {
        ...{ name: '1.0.0.10.in-addr.arpa', type: 'PTR', class: FLUSH, ttl: 120 },
        ptr: 'vm.local',
      },
    ]);
  }
  expect((announcements[1]?.at ?? 0) - (announcements[0]?.at ?? 0)).toBeCloseTo(1000, 3);
  await mdns.close();
  expect(peer.sent.at(-1)?.message.answers.map(({ ttl }) => ttl)).toEqual([0, 0]);
  expect(vi.getTimerCount()).toBe(0);
  expect(peer.isOpen).toBe(false);
});

test('answers what is unique at once, what is shared after 20 to 120 ms, with what is asked next', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open({ hostname: 'vm' });
  await publish(mdns, peer);
  const [unique] = await peer.ask(question('VM.local'), {}, 0);
  expect(unique).toMatchObject(GROUP);
  expect(unique?.message.answers).toMatchObject([{ ip: '10.0.0.1', class: FLUSH }]);
  const at = performance.now();
  const [shared] = await peer.ask(question(LIST, 'PTR'));
  expect((shared?.at ?? 0) - at).toBeGreaterThanOrEqual(20);
  expect(shared?.message.answers).toMatchObject([{ ptr: 'Web._http._tcp.local', class: 'IN' }]);
  expect(shared?.message.additionals.map(({ type }) => type)).toEqual(['SRV', 'TXT', 'A']);
  const [none] = await peer.ask(question('vm.local', 'AAAA'), {}, 0);
  expect(none?.message.answers).toMatchObject([{ type: 'NSEC', next: 'vm.local', types: ['A'] }]);
  expect(await peer.ask(question('other.local'))).toEqual([]);
  expect(await peer.ask(question('vm.local', 'A', 'CH'))).toEqual([]);
});

test('a record goes to the group once a second, for a probe after 250 ms', async () => {
  const peer = new MdnsPeer();
  await peer.open({ hostname: 'vm' });
  await advance(1000);
  const count = async (message: Partial<DnsMessage>) => (await peer.ask(message, {}, 0)).length;
  const probe = { ...question('vm.local', 'ANY'), authorities: [address('vm.local', '10.0.0.9')] };
  expect([await count(question('vm.local')), await count(question('vm.local'))]).toEqual([1, 0]);
  await advance(260);
  expect([await count(question('vm.local')), await count(probe)]).toEqual([0, 1]);
  await advance(1000);
  expect(await count(question('vm.local'))).toBe(1);
});

test('does not say what the host knows, or another host has just said', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open({ hostname: 'vm' });
  await publish(mdns, peer);
  const known = (ttl: number) => ({
    ...question(LIST, 'PTR'),
    answers: [pointer('Web._http._tcp.local', ttl)],
  });
  expect(await peer.ask(known(2250))).toEqual([]);
  expect(await peer.ask(known(2249))).toHaveLength(1);
  await advance(1000);
  await peer.say(question(LIST, 'PTR'));
  const before = peer.sent.length;
  await peer.answer([pointer('Web._http._tcp.local')]);
  await advance(200);
  expect(peer.sent.length).toBe(before);
});

test('of a truncated question it waits for the known answers that follow', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open({ hostname: 'vm' });
  await publish(mdns, peer);
  const cut = { ...question(LIST, 'PTR'), truncated: true };
  await peer.say(cut);
  await peer.say({ answers: [pointer('Web._http._tcp.local')] });
  await advance(1000);
  expect(peer.sent).toEqual([]);
  const at = performance.now();
  const [late] = await peer.ask(cut, {}, 1000);
  expect((late?.at ?? 0) - at).toBeGreaterThanOrEqual(400);
});

test('a question that wants an answer of its own gets it, unless the group has not had it lately', async () => {
  const peer = new MdnsPeer();
  await peer.open({ hostname: 'vm' });
  await advance(1000);
  const [group] = await peer.ask(question('vm.local', 'A', FLUSH), { host: '10.0.0.7' }, 0);
  expect(group).toMatchObject(GROUP);
  const [alone] = await peer.ask(question('vm.local', 'A', FLUSH), { host: '10.0.0.7' }, 0);
  expect(alone).toMatchObject({ host: '10.0.0.7', port: 5353 });
  await advance(31_000);
  const [again] = await peer.ask(question('vm.local', 'A', FLUSH), { host: '10.0.0.7' }, 0);
  expect(again).toMatchObject(GROUP);
});

test('a program that is no mDNS host is answered like by a DNS server', async () => {
  const peer = new MdnsPeer();
  await peer.open({ hostname: 'vm' });
  const asked = { id: 4711, ...question('vm.local') };
  const [answer] = await peer.ask(asked, { host: '10.0.0.7', port: 40_000 }, 0);
  expect(answer).toMatchObject({ host: '10.0.0.7', port: 40_000 });
  expect(answer?.message).toMatchObject({
    id: 4711,
    questions: [{ name: 'vm.local', type: 'A', class: 'IN' }],
    answers: [{ class: 'IN', ttl: 10, ip: '10.0.0.1' }],
  });
  // Its address can be forged: it is one of this link, and the rate has a limit.
  const far = { host: '192.0.2.1', port: 40_000, ttl: 255 };
  expect(await peer.ask(asked, far, 0)).toEqual([]);
});

test('a name that another host has is replaced before it is announced', async () => {
  const peer = new MdnsPeer();
  const opening = peer.begin({ hostname: 'vm' });
  await advance(600);
  await peer.answer([address('VM.local', '10.0.0.9')]);
  await advance(3000);
  const mdns = await opening;
  onTestFinished(() => mdns.close());
  expect(mdns.hostname).toBe('vm-2.local');
  expect(mdns.statistics.conflicts).toBe(1);
  const said = peer.sent.filter(({ message }) => message.isResponse);
  expect(said.flatMap(({ message }) => message.answers.map(({ name }) => name))).not.toContain(
    'vm.local',
  );
});

test('of two hosts that probe at once the one with the smaller records waits a second', async () => {
  const peer = new MdnsPeer();
  const opening = peer.begin({ hostname: 'vm' });
  await advance(300);
  const probe = (ip: string) => ({
    ...question('vm.local', 'ANY', FLUSH),
    authorities: [{ name: 'vm.local', type: 'A', class: 'IN', ttl: 120, ip } as DnsRecord],
  });
  const before = peer.sent.length;
  await peer.say(probe('10.0.0.0')); // smaller: we go on
  await peer.say(probe('10.0.0.1')); // the same: our own, from another link
  await advance(250);
  expect(peer.sent.length).toBeGreaterThan(before);
  const count = peer.sent.length;
  await peer.say(probe('10.0.0.2')); // larger: we wait
  await advance(900);
  expect(peer.sent.length).toBe(count);
  await advance(3000);
  const mdns = await opening;
  onTestFinished(() => mdns.close());
  expect(mdns.hostname).toBe('vm.local');
});

test('a name that is lost later is taken back, and so is the new one at the end', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open({ hostname: 'vm' });
  const service = await publish(mdns, peer);
  await peer.answer([place('Web._http._tcp.local', 'other.local', 81)]);
  await advance(400); // it probes for its name once more, and the other host defends it
  await peer.answer([place('Web._http._tcp.local', 'other.local', 81)]);
  await advance(3000);
  expect(service.name).toBe('Web (2)');
  const goodbyes = () =>
    peer.sent.flatMap(({ message }) => message.answers.filter(({ ttl }) => ttl === 0));
  expect(goodbyes().filter(({ type }) => type === 'PTR')).toContainEqual(
    pointer('Web._http._tcp.local', 0),
  );
  peer.sent.length = 0;
  await service.close();
  await advance(0);
  expect(goodbyes()).toContainEqual(pointer('Web (2)._http._tcp.local', 0));
  expect(goodbyes()).not.toContainEqual(pointer('Web._http._tcp.local', 0));
});

test('records that are ours, goodbyes, and types that we do not have are no conflict', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open({ hostname: 'vm' });
  await peer.answer([address('vm.local', '10.0.0.1')]);
  await peer.answer([address('vm.local', '10.0.0.9', 0)]);
  await peer.answer([text('vm.local')]);
  await advance(3000);
  expect(mdns).toMatchObject({ hostname: 'vm.local', statistics: { conflicts: 0 } });
});

test('a lookup asks after 0, 1 and 3 s, first for an answer of its own, and keeps the answer', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open();
  const looking = mdns.lookup('db.local', { family: 4, timeout: 10_000 });
  await advance(3500);
  expect(peer.sent.map(({ message }) => message.questions)).toEqual([
    [{ name: 'db.local', type: 'A', class: FLUSH }],
    [{ name: 'db.local', type: 'A', class: 'IN' }],
    [{ name: 'db.local', type: 'A', class: 'IN' }],
  ]);
  await peer.answer([address('other.local', '10.0.0.8'), address('DB.local', '10.0.0.5', 10)]);
  await advance(50);
  expect(await looking).toBe('10.0.0.5');
  expect(await mdns.lookup('db.local', { family: 4 })).toBe('10.0.0.5');
  await advance(10_100);
  const gone = mdns.lookup('db.local', { family: 4, timeout: 100 });
  gone.catch(() => {});
  await advance(200);
  expect(await outcome(gone)).toBe('ENOTFOUND');
  expect(vi.getTimerCount()).toBe(0);
});

test('a browser asks at growing intervals with what it knows, and before records end', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open();
  const events = mdns.browse(HTTP);
  await advance(200);
  const name = 'A._http._tcp.local';
  const all = [
    pointer(name, 1000),
    place(name, 'a.local'),
    text(name),
    address('a.local', '10.0.0.5'),
  ];
  await peer.answer(all);
  await advance(50);
  const { value: up } = (await events.next()) as { value: ServiceEvent };
  expect(up).toMatchObject({ kind: 'up', service: { name: 'A', addresses: ['10.0.0.5'] } });
  const lists = () =>
    peer.sent.filter(({ message }) => message.questions.some(({ type }) => type === 'PTR'));
  await advance(70_000);
  expect(lists()).toHaveLength(7); // after 0, 1, 3, 7, 15, 31, 63 s
  expect(lists().at(-1)?.message.answers).toMatchObject([{ ptr: name }]);
  const places = peer.sent.filter(({ message }) =>
    message.questions.some(({ type }) => type === 'SRV'),
  );
  expect(places).toEqual([]);
  await advance(27_000); // 80 % of 120 s
  const asked = peer.sent.slice(-2).flatMap(({ message }) => message.questions);
  expect(asked.map(({ type }) => type).sort()).toEqual(expect.arrayContaining(['A', 'SRV']));
  await advance(30_000);
  expect((await events.next()).value).toMatchObject({ kind: 'down', service: { name: 'A' } });
  const refreshes = peer.sent.filter(({ message }) =>
    message.questions.some(({ type }) => type === 'SRV'),
  );
  expect(refreshes.length).toBeGreaterThanOrEqual(4);
});

test('a new record replaces older ones of its name, and a goodbye ends it in a second', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open();
  const events = mdns.browse(HTTP);
  await advance(200);
  const name = 'A._http._tcp.local';
  await peer.answer([
    pointer(name),
    place(name, 'a.local'),
    text(name),
    address('a.local', '10.0.0.5'),
  ]);
  await advance(2000);
  await peer.answer([address('a.local', '10.0.0.6'), text(name, 'a=2')]);
  await advance(1500);
  await peer.answer([pointer(name, 0)]);
  await advance(1500);
  const seen: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    const { kind, service } = (await events.next()).value as ServiceEvent;
    seen.push([kind, service.txt['a'], service.addresses]);
  }
  expect(seen).toEqual([
    ['up', '1', ['10.0.0.5']],
    ['update', '2', ['10.0.0.5', '10.0.0.6']],
    ['update', '2', ['10.0.0.6']],
    ['down', '2', ['10.0.0.6']],
  ]);
});

test.each([
  [{ name: '', type: HTTP, port: 1 }, /must be 1 to 63 bytes of text/],
  [{ name: 'x'.repeat(64), type: HTTP, port: 1 }, /must be 1 to 63 bytes of text/],
  [{ name: 'a', type: 'http', port: 1 }, /must be such as '_http._tcp'/],
  [{ name: 'a', type: HTTP, port: 65_536 }, /port 65536: must be a whole number from 0 to 65535/],
  [{ name: 'a', type: HTTP, port: 1, txt: { 'a=b': 'c' } }, /printable ASCII without =/],
  [{ name: 'a', type: HTTP, port: 1, txt: { a: 'c'.repeat(254) } }, /at most 255 bytes/],
  [{ name: 'a', type: HTTP, port: 1, txt: { a: 5 } }, /must be text, bytes or true/],
  [{ name: 'a', type: HTTP, port: 1, subtypes: ['a.b'] }, /must be one label/],
  [{ name: 'a', type: HTTP, port: 1, host: 'db.internal' }, /must end in .local/],
])('refuses to publish %j', async (options, message) => {
  const mdns = await new MdnsPeer().open();
  await expect(mdns.publish(options as never)).rejects.toThrow(message);
});

test('refuses names and types that are none', async () => {
  const peer = new MdnsPeer();
  const mdns = await peer.open();
  await expect(mdns.lookup('db.internal')).rejects.toThrow(/must end in .local/);
  await expect(mdns.lookup('a.local', { family: 5 as 4 })).rejects.toThrow(
    /family 5: must be 4 or/,
  );
  expect(() => mdns.browse('http')).toThrow(/must be such as/);
  await expect(new MdnsPeer().open({ hostname: 'a.local' })).rejects.toThrow(/without .local/);
  const empty = { openUdp: peer.openUdp, interfaces: [] };
  const { createMdns } = await import('ringstack/mdns');
  expect(await outcome(createMdns(empty as never))).toBe('ENODEV');
  expect(await outcome(createMdns({} as never))).toBe('EINVAL');
});
