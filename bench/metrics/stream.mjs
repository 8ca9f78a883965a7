// SPDX-License-Identifier: MIT
// stream - TCP_STREAM: bytes per second at the receiver, and what they cost
//
// params: kind (see lib/workloads), flows, both (directions at once), write (bytes), warm, timed, tail.

import { Check, Content } from '../lib/content.mjs';
import { cpuCounter } from '../lib/cpu.mjs';
import { Follower, Meter, STOP, TIMED } from '../lib/meter.mjs';
import { receive, send } from '../lib/workloads.mjs';

const BLOCK = 64 * 1024;
const SEED = 0x5eed;

const contentOf = (params) => new Content(SEED, params.write ?? BLOCK);

/** Sends one flow until told to stop; returns how many bytes that were. */
async function sendFlow(connection, params, content, follower) {
  const write = content.writes();
  let sent = 0;
  await send(params.kind, connection, () => {
    if (follower.phase() === STOP) return undefined;
    sent += content.unit;
    return write();
  });
  return sent;
}

/** Receives one flow to its end; returns how many bytes came, all as they should be. */
async function receiveFlow(connection, params, content, follower) {
  const check = new Check(content);
  await receive(params.kind, connection, (chunk) => {
    check.take(chunk, follower.phase() !== TIMED);
    follower.add(chunk.length);
  });
  if (!check.ok) throw new Error('what arrived is not what was sent');
  return check.position;
}

/** Runs all flows of one end; `sends`, `receives`: which way. */
async function runFlows(connections, params, follower, { sends, receives }) {
  const content = contentOf(params);
  const sent = connections.map((connection) =>
    sends ? sendFlow(connection, params, content, follower) : 0,
  );
  const received = connections.map((connection) =>
    receives ? receiveFlow(connection, params, content, follower) : 0,
  );
  const counts = await Promise.all([Promise.all(sent), Promise.all(received)]);
  return { sent: counts[0], received: counts[1] };
}

export default {
  async server(host, params, { phase, ready }) {
    const listener = await host.listen();
    ready(listener.port);
    const connections = [];
    while (connections.length < params.flows) connections.push(await listener.accept());
    const counters = () => ({ ...cpuCounter(), ...host.counters() });
    const meter = new Meter(phase, counters, params);
    const both = { sends: params.both === true, receives: true };
    const flows = await runFlows(connections, params, meter, both);
    return { ...meter.result(), flows };
  },

  async client(host, params, { phase, port }) {
    const connections = await Promise.all(
      Array.from({ length: params.flows }, () => host.connect(port)),
    );
    const follower = new Follower(phase, host.counters);
    const both = { sends: true, receives: params.both === true };
    const flows = await runFlows(connections, params, follower, both);
    return { ...follower.result(), flows };
  },

  /** One set of numbers from what both ends saw. */
  merge({ client, server }, params) {
    const total = (numbers) => numbers.reduce((sum, n) => sum + n, 0);
    if (
      total(client.flows.sent) !== total(server.flows.received) ||
      total(server.flows.sent) !== total(client.flows.received)
    ) {
      throw new Error('not every byte that was sent arrived');
    }
    const rate = server.bytes / server.ms + (params.both ? client.bytes / client.ms : 0);
    const bytes = rate * server.ms;
    const packets = (client.packets ?? 0) + (server.packets ?? 0);
    const copied = (client.copied ?? 0) + (server.copied ?? 0);
    const seconds = server.ms / 1000;
    const isStack = client.copied !== undefined;
    return {
      gbps: (rate * 8) / 1e6,
      ...(server.cpu === undefined ? {} : { cpuPerGB: (server.cpu / bytes) * 1e9 }),
      ...(params.write ? { writesPerS: bytes / params.write / seconds, MBps: rate / 1e3 } : {}),
      ...(isStack ? { copiesPerByte: copied / bytes } : {}),
      ...(packets ? { nsPerPacket: (server.ms * 1e6) / packets } : {}),
      ...(isStack ? { retransmits: client.retransmits + (server.retransmits ?? 0) } : {}),
    };
  },
};
