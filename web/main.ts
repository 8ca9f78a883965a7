// SPDX-License-Identifier: MIT
// main - entry of the page: passes settings to stacks, and their notices to the views
//
// Theory of operation
//
// The page is in one state: building (stacks are made), ready, starting, running, stopping (bytes still
// arrive), broken (the last build failed). Changes run one after the other: a new loss or kind of cable
// changes the cable; any other change makes new stacks, and a running transfer goes on over them.

import { Lab } from './lab.ts';
import type { Told } from './messages.ts';
import type { SeenFrame } from './packets/seen.ts';
import type { Settings } from './settings.ts';
import { formatHash, parseHash } from './settings.ts';
import { count } from './units.ts';
import { Controls } from './view/controls.ts';
import { byId } from './view/dom.ts';
import { startEchoConsole } from './view/echo_console.ts';
import { PacketList } from './view/packet_list.ts';
import { Readings } from './view/readings.ts';

type State = 'building' | 'ready' | 'starting' | 'running' | 'stopping' | 'broken';

const BUTTON: Readonly<Record<State, string>> = {
  building: 'Start',
  ready: 'Start',
  starting: 'Starting…',
  running: 'Stop',
  stopping: 'Stopping…',
  broken: 'Start',
};

const isIsolated = globalThis.crossOriginIsolated === true;
const button = byId<HTMLButtonElement>('start');

let lab: Lab;
let settings: Settings = { ...parseHash(location.hash) };
let isPaused = false;
let state: State = 'building';

const say = (text: string): void => {
  byId('status').textContent = text;
};

function setState(next: State): void {
  state = next;
  document.body.setAttribute('data-state', next);
  button.textContent = BUTTON[next];
  button.disabled = !(next === 'ready' || next === 'running');
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : `${error}`);
const hostB = (): string => (settings.ip === 6 ? 'fd00::2' : '10.0.0.2');
const wire = () => ({
  wire: settings.wire,
  loss: settings.wire === 'direct' ? 0 : settings.loss / 100,
});

const readings = new Readings();
const ends = { names: { A: 'A', B: 'B' }, to: ({ from }: SeenFrame) => (from === 'A' ? 'B' : 'A') };
const packets = new PacketList(ends, (paused) => {
  isPaused = paused;
  void lab.setCapture(!paused);
  say(paused ? 'The packet list is paused.' : 'The packet list goes on.');
});

/** The queue of changes of stacks and cable. */
let queue: Promise<void> = Promise.resolve();

function enqueue(job: () => Promise<void>): void {
  queue = queue.then(job).catch((error: unknown) => {
    setState('broken');
    say(`It failed: ${messageOf(error)}. Change a setting to try again.`);
  });
}

async function startTransfer(): Promise<void> {
  setState('starting');
  await lab.transfer(settings.direction, hostB());
  setState('running');
  say('Bytes are flowing.');
}

async function stopTransfer(): Promise<void> {
  setState('stopping');
  await lab.endTransfer();
  setState('ready');
  say('Stopped; all that was sent has arrived.');
}

/** Makes new stacks; a running transfer goes on over them. */
async function build(why: string): Promise<void> {
  const wasRunning = state === 'running';
  setState('building');
  const { A, B } = await lab.build({ engine: settings.engine, mtu: settings.mtu }, wire());
  readings.reset();
  packets.note('');
  for (const [name, { mac, addresses }] of [['a', A] as const, ['b', B] as const]) {
    byId(`mac-${name}`).textContent = mac;
    byId(`ip-${name}`).textContent = addresses.join(', ');
  }
  setState('ready');
  if (wasRunning) await startTransfer();
  say(wasRunning ? `${why} The transfer goes on.` : why);
}

function describeCable(): void {
  const { wire, loss, mtu } = settings;
  const kind = wire === 'direct' ? 'joined in C' : `inspected, ${loss} % lost`;
  byId('cable').textContent = `MTU ${count(mtu)}, ${kind}`;
  document.body.setAttribute('data-wire', wire);
}

function onChange(next: Settings): void {
  const before = settings;
  settings = next;
  history.replaceState(null, '', `${location.pathname}${location.search}${formatHash(next)}`);
  describeCable();
  const needsStacks =
    next.mtu !== before.mtu || next.engine !== before.engine || next.ip !== before.ip;
  const needsTransfer = next.direction !== before.direction;
  enqueue(async () => {
    if (needsStacks || state === 'broken') {
      const engine =
        next.engine === 'worker' ? 'threads of their own' : 'the threads of their apps';
      await build(`New stacks: MTU ${count(next.mtu)}, IPv${next.ip}, turned by ${engine}.`);
      return;
    }
    await lab.setWire(wire());
    if (next.loss !== before.loss) {
      say(
        next.loss === 0 ? 'The cable loses nothing.' : `The cable loses ${next.loss} % of frames.`,
      );
    }
    if (next.wire !== before.wire)
      say(`The cable is ${next.wire === 'direct' ? 'joined in C' : next.wire} now.`);
    if (needsTransfer && state === 'running') {
      await stopTransfer();
      await startTransfer();
    }
  });
}

function noteUnseen(unseen: number): void {
  if (settings.wire === 'direct') {
    packets.note('This cable is joined in C: its frames never pass through JavaScript.');
  } else if (!isPaused && unseen > 0) {
    packets.note(`${count(unseen)} more went by; the list shows a sample.`);
  }
}

function onTold(told: Told): void {
  if (told.told === 'counters') readings.end(told.end, told.counters);
  else if (told.told === 'wire') {
    readings.wire(told.counters);
    packets.add(told.frames);
    noteUnseen(told.counters.unseen);
  } else {
    say(told.what);
    if (state === 'running') enqueue(stopTransfer);
  }
}

const controls = new Controls(isIsolated, onChange);
if (!isIsolated && settings.engine === 'worker') settings = { ...settings, engine: 'inline' };
controls.show(settings);
describeCable();
setState('building');
byId('not-isolated').hidden = isIsolated;

button.addEventListener('click', () => {
  if (state === 'running') enqueue(stopTransfer);
  else if (state === 'ready') enqueue(startTransfer);
});
addEventListener('hashchange', () => {
  const next = parseHash(location.hash);
  controls.show(next);
  onChange(controls.read());
});
startEchoConsole((line) => queue.then(() => lab.echo(line, hostB())));

enqueue(async () => {
  lab = await Lab.start(isIsolated, onTold);
  const where = isIsolated ? 'each in a worker of its own' : 'in one worker';
  await build(`Two stacks are ready, ${where}.`);
});
