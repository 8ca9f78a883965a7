// SPDX-License-Identifier: MIT
// v86_lan - two Linux guests in v86 in one thread, a file by HTTP from one to the other: by a cable, a bridge, a switch
//
// SIZE is the size of the file in bytes.

import { readFileSync } from 'node:fs';
import { createStack } from 'ringstack';
import { connect, createSwitch } from 'ringstack/link';
import { createV86NetworkStream } from 'ringstack/v86';
import { openGuest } from '../../tools/guest/v86_guest.mjs';

export const title =
  'v86: HTTP from one Linux guest to another, both and the network in one thread';

const SIZE = Number(process.env.SIZE ?? 20e6);
/** Transfers before the timed ones, and timed ones of each way, forwards and backwards in turn. */
const [WARM, PASSES] = [3, 4];
const SERVER = '192.168.1.2';
/** Of the client: both guests come from one state. */
const CLIENT = { ip: '192.168.1.3', mac: '02:00:00:00:00:03' };

/** Ways from one card to the other. Each returns what ends it. */
const WAYS = {
  async 'one cable'([one, other]) {
    const link = connect(one, other);
    return () => link.close();
  },
  async 'bridge of a stack'(cards) {
    const stack = await createStack({ engine: 'inline' });
    const bridge = await stack.createBridgeInterface();
    for (const card of cards) await bridge.addPort(card);
    return () => stack.close();
  },
  async 'createSwitch()'(cards) {
    const network = await createSwitch();
    for (const card of cards) network.plug(card);
    return () => network.close();
  },
};

async function run(serial, command) {
  const { output, status } = await serial.run(command);
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${output}`);
  return output;
}

const sumIn = (output) => /[0-9a-f]{64}/.exec(output)?.[0];

/** The rows of the table. */
export async function* rows() {
  const guests = [await openGuest(), await openGuest()];
  const [server, client] = guests.map(({ serial }) => serial);
  try {
    await run(
      client,
      `ip link set eth0 down; ip link set eth0 address ${CLIENT.mac}; ip addr flush dev eth0;` +
        ` ip addr add ${CLIENT.ip}/24 dev eth0; ip link set eth0 up`,
    );
    await run(
      server,
      `mount -o remount,size=72m /tmp; for n in $(seq ${Math.ceil(SIZE / 2 ** 20)}); do cat /tmp/random; done >/tmp/big;` +
        ` truncate -s ${SIZE} /tmp/big; ln -s /tmp/big /srv/big`,
    );
    await run(client, 'mount -o remount,size=72m /tmp');
    const wanted = sumIn(await run(server, 'sha256sum /tmp/big'));
    const cards = guests.map(({ emulator }) => createV86NetworkStream(emulator));
    const get = async (way) => {
      const close = await WAYS[way](cards);
      const [begin, cpu] = [performance.now(), process.cpuUsage()];
      await run(client, `wget -q -O /tmp/got http://${SERVER}/big`);
      const ms = performance.now() - begin;
      const { user, system } = process.cpuUsage(cpu);
      if (sumIn(await run(client, 'sha256sum /tmp/got')) !== wanted)
        throw new Error('the bytes differ');
      await close();
      return { ms, cpuMs: (user + system) / 1000 };
    };
    // An emulator translates what its guest runs while it runs it, and is ten times as slow until it has.
    for (let n = 0; n < WARM; n++) await get('one cable');
    const ways = Object.keys(WAYS);
    const sums = new Map(ways.map((way) => [way, { ms: 0, cpuMs: 0 }]));
    for (let n = 0; n < PASSES; n++) {
      for (const way of n % 2 === 0 ? ways : [...ways].reverse()) {
        const { ms, cpuMs } = await get(way);
        const sum = sums.get(way);
        sum.ms += ms;
        sum.cpuMs += cpuMs;
      }
    }
    const all = SIZE * PASSES;
    for (const [label, { ms, cpuMs }] of sums) {
      const columns = { 'Mbit/s': (all * 8) / ms / 1000, 'CPU s/GB': cpuMs / (all / 1e6) };
      yield { label, columns };
    }
  } finally {
    for (const { emulator } of guests) await emulator.destroy();
  }
}

/** Programs that take part, with versions. */
export function versions() {
  const { version } = JSON.parse(
    readFileSync(new URL('../../node_modules/v86/package.json', import.meta.url), 'utf8'),
  );
  return [`v86 ${version}`];
}
