// SPDX-License-Identifier: MIT
// host - entry of the page's workers: answers calls, sends notices
//
// Each of the two workers has one end of the cable, and that of A the cable too. On a page that is not isolated,
// memory cannot be shared between threads, so one worker has both ends.

import type { StackArena, TapInterface } from 'ringstack';
import { attach, createArena } from 'ringstack';
import type { Calls, Told } from '../messages.ts';
import { Sampler } from '../packets/sampler.ts';
import type { EndName } from '../packets/seen.ts';
import { answerCalls } from './answer.ts';
import { Cable } from './cable.ts';
import { End } from './end.ts';

/** ms between two reports: a quarter of a second for counters, less for packets. */
const COUNTERS_EVERY = 250;
const FRAMES_EVERY = 100;

const post = (message: Told): void => globalThis.postMessage(message);
const onFailure = (what: string): void => post({ told: 'failed', what });

const ends = new Map<EndName, End>();
const sampler = new Sampler(() => performance.timeOrigin + performance.now());
let arena: StackArena | undefined;
let cable: Cable | undefined;

function need<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`There is no ${what} yet`);
  return value;
}

const endOf = (name: EndName): End => need(ends.get(name), `stack ${name}`);

/** The calls of messages.ts; each may return a promise. */
answerCalls<Calls>({
  async start(handle) {
    arena = handle ? await attach(handle) : await createArena();
  },
  async open(name, settings) {
    const end = await End.open(name, need(arena, 'arena'), settings, onFailure);
    ends.set(name, end);
    return end.info;
  },
  share: (name) => endOf(name).tap.share(),
  async plug(settings, handle) {
    const other: TapInterface = handle ? await attach(handle) : endOf('B').tap;
    cable = new Cable(endOf('A').tap, other, sampler, (error) => {
      onFailure(`The cable failed: ${error instanceof Error ? error.message : error}`);
    });
    await cable.set(settings);
  },
  setWire: (settings) => need(cable, 'cable').set(settings),
  setCapture(on) {
    sampler.isOn = on;
  },
  transfer: (direction, host) => endOf('A').transfer(direction, host),
  endTransfer: () => endOf('A').endTransfer(),
  echo: (line, host) => endOf('A').echo(line, host),
  async close() {
    const closing = [...ends.values()];
    ends.clear();
    await cable?.unplug();
    cable = undefined;
    await Promise.all(closing.map((end) => end.close()));
  },
});

setInterval(() => {
  for (const end of ends.values()) {
    post({ told: 'counters', end: end.name, counters: end.counters });
  }
}, COUNTERS_EVERY);

setInterval(() => {
  if (cable) post({ told: 'wire', ...sampler.take() });
}, FRAMES_EVERY);
