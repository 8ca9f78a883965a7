// SPDX-License-Identifier: MIT
// main - entry of the page of the VM: starts machines, passes their notices to the views
//
// Theory of operation
//
// The page is in one state: starting, up (the guest's web server has answered), failed. A machine is a worker;
// another card or a boot from scratch terminates it and starts another one. The time that is shown is from the
// opening of the page, or from the click, to the guest's answer.

import { bitRate, byteCount, count } from '../units.ts';
import { Chart } from '../view/chart.ts';
import { byId } from '../view/dom.ts';
import { PacketList } from '../view/packet_list.ts';
import { WorkerClient } from '../worker_client.ts';
import { BrowserView } from './browser_view.ts';
import { Console } from './console.ts';
import {
  ADDRESS,
  type CableCounters,
  type Calls,
  type Moved,
  type StartSettings,
  type Told,
} from './messages.ts';
import { RequestLog } from './request_log.ts';

type Machine = WorkerClient<Calls, Told>;

const GUEST = `http://${ADDRESS.guest}/`;
/** An ne2k moves two bytes by an instruction of the guest. */
const SIZES: Readonly<Record<string, string>> = { ne2k: '5MB' };

const card = byId<HTMLSelectElement>('card');
const bootButton = byId<HTMLButtonElement>('boot');
const downButton = byId<HTMLButtonElement>('download-guest');
const upButton = byId<HTMLButtonElement>('fetch-guest');
const progress = byId<HTMLProgressElement>('progress');
const time = byId<HTMLDataElement>('time');

let machine: Machine | undefined;
let before: CableCounters | undefined;
let isPaused = false;
let clock: ReturnType<typeof setInterval> | undefined;

const say = (text: string): void => {
  const status = byId('status');
  if (status.textContent !== text) status.textContent = text;
};
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : `${error}`);
const setState = (state: 'starting' | 'up' | 'failed'): void =>
  document.body.setAttribute('data-state', state);
const size = (): string => SIZES[card.value] ?? '20MB';

const terminal = new Console((text) => void machine?.call('type', text).catch(() => {}));
const requests = new RequestLog();
const throughput = new Chart('throughput', {
  series: ['to guest', 'from guest'],
  show: bitRate,
  floor: 1e6,
});
const packets = new PacketList({ A: 'page', B: 'guest' }, (paused) => {
  isPaused = paused;
  void machine?.call('setCapture', !paused);
});
const browser = new BrowserView((url) => {
  if (!machine) return Promise.reject(new Error('The machine is not on'));
  return machine.call('get', url);
});

function showTime(ms: number): void {
  time.value = `${Math.round(ms)}`;
  time.textContent = `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

function showRate(id: 'rate-down' | 'rate-up', { bytes, ms }: Moved, isDone: boolean): void {
  const output = byId(id);
  const rate = bitRate((bytes * 8000) / ms);
  output.textContent = isDone ? rate : `${byteCount(bytes)}, ${rate}`;
  output.toggleAttribute('data-done', isDone);
}

function onTold(told: Told): void {
  if (told.told === 'console') terminal.write(told.text, told.isOld);
  else if (told.told === 'step') {
    const { what, done = 0, total = 0 } = told;
    say(total > 0 ? `${what}: ${byteCount(done)} of ${byteCount(total)}` : `${what}…`);
    if (total > 0) progress.value = done / total;
    else progress.removeAttribute('value');
  } else if (told.told === 'counters') {
    const { time, toGuest, fromGuest } = told.counters;
    if (before) {
      const seconds = (time - before.time) / 1000;
      throughput.push(0, ((toGuest - before.toGuest) * 8) / seconds);
      throughput.push(1, ((fromGuest - before.fromGuest) * 8) / seconds);
    }
    before = told.counters;
  } else if (told.told === 'wire') {
    packets.add(told.frames);
    if (!isPaused && told.unseen > 0) {
      packets.note(`${count(told.unseen)} more went by; the list shows a sample.`);
    }
  } else if (told.told === 'request') {
    const { path, sent, ms, isDone, error } = told.request;
    requests.show(told.request);
    if (path !== `/${size()}` || error !== undefined) return;
    showRate('rate-down', { bytes: sent, ms }, isDone);
  } else showRate('rate-up', told.moved, false);
}

/** Terminates the present machine and starts another one; settles when the guest has answered. */
async function start(how: StartSettings['how'], begin: number): Promise<void> {
  machine?.terminate();
  clearInterval(clock);
  before = undefined;
  setState('starting');
  progress.removeAttribute('value');
  for (const button of [downButton, upButton]) button.disabled = true;
  labelButtons();
  terminal.clear();
  requests.clear();
  packets.note('');
  const worker = new Worker(new URL('./machine.js', import.meta.url), {
    type: 'module',
    name: 'Machine',
  });
  const mine: Machine = new WorkerClient<Calls, Told>(
    worker,
    (told) => {
      if (mine === machine) onTold(told);
    },
    (what) => fail(mine, what),
  );
  machine = mine;
  clock = setInterval(() => showTime(performance.now() - begin), 100);
  try {
    const { isCached, mtu, mac } = await mine.call('start', { card: card.value, how });
    say('The guest runs; waiting for its web server…');
    byId('mac-page').textContent = mac;
    byId('cable').textContent = `${card.value === 'ne2k' ? 'NE2000' : 'virtio'}, MTU ${count(mtu)}`;
    await browser.open(GUEST);
    if (mine !== machine) return;
    clearInterval(clock);
    showTime(performance.now() - begin);
    setState('up');
    for (const button of [downButton, upButton]) button.disabled = false;
    say(describeStart(how, isCached));
  } catch (error) {
    fail(mine, messageOf(error));
  }
}

function describeStart(how: StartSettings['how'], isCached: boolean): string {
  if (how === 'boot') return 'Linux has booted, from its kernel on.';
  if (isCached) return 'Linux goes on from a saved state, which this browser has kept (Cache API).';
  return typeof caches === 'undefined'
    ? 'Linux goes on from a saved state.'
    : 'Linux goes on from a saved state; this browser keeps it for the next time (Cache API).';
}

function fail(which: Machine, what: string): void {
  if (which !== machine) return;
  // Its late messages must not be shown.
  which.terminate();
  machine = undefined;
  clearInterval(clock);
  setState('failed');
  say(`It failed: ${what}`);
}

/** Shows the amounts that the buttons move; results of the earlier machine are cleared. */
function labelButtons(): void {
  const words = size().replace('MB', ' MB');
  downButton.textContent = `Download ${words} in the guest`;
  upButton.textContent = `Fetch ${words} from the guest`;
  for (const output of [byId('rate-down'), byId('rate-up')]) {
    output.textContent = '';
    output.removeAttribute('data-done');
  }
}

async function fetchFromGuest(): Promise<void> {
  const mine = machine;
  if (!mine) return;
  upButton.disabled = true;
  const output = byId('rate-up');
  output.removeAttribute('data-done');
  try {
    const moved = await mine.call('measure', `${GUEST}${size()}`);
    if (mine === machine) showRate('rate-up', moved, true);
  } catch (error) {
    if (mine === machine) output.textContent = messageOf(error);
  }
  // By now the button may be that of a machine that is still starting.
  if (mine === machine) upButton.disabled = false;
}

function readHash(): void {
  const wanted = location.hash.slice(1);
  if (Array.from(card.options).some(({ value }) => value === wanted)) card.value = wanted;
}

card.addEventListener('change', () => {
  history.replaceState(null, '', `#${card.value}`);
  void start('state', performance.now());
});
bootButton.addEventListener('click', () => void start('boot', performance.now()));
downButton.addEventListener('click', () => {
  byId('rate-down').removeAttribute('data-done');
  // Control U deletes a line that was being typed.
  void machine?.call('type', `\x15wget -O /dev/null http://${ADDRESS.page}/${size()}\r`);
});
upButton.addEventListener('click', () => void fetchFromGuest());

readHash();
void start('state', 0);
