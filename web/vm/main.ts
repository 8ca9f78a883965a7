// SPDX-License-Identifier: MIT
// main - entry of the page of the VMs: starts the network and the guests, passes their notices to the views
//
// Theory of operation
//
// The page is in one state: starting, up (both guests have an address, and their web servers have answered), failed.
// The network is a worker, and so is each guest (guest.ts). Another card needs another network; a guest that is booted from
// scratch is plugged into the one that runs. The time that is shown is from the opening of the page, or from the
// click, to the last answer.

import { bitRate, count } from '../units.ts';
import { Chart } from '../view/chart.ts';
import { byId } from '../view/dom.ts';
import { PacketList } from '../view/packet_list.ts';
import { WorkerClient } from '../worker_client.ts';
import { BrowserView } from './browser_view.ts';
import { Guest, type GuestNetwork } from './guest.ts';
import { macTable } from './macs.ts';
import {
  type EndName,
  GUESTS,
  type GuestName,
  NAMES,
  type NetworkCalls,
  type NetworkTold,
  type OutsideSettings,
  type StartSettings,
  type Status,
} from './messages.ts';
import { NetworkMap } from './network_map.ts';
import { OutsideForm } from './outside_form.ts';
import { RequestLog } from './request_log.ts';
import { Speed } from './speed.ts';
import { Tables } from './tables.ts';
import { Tabs } from './tabs.ts';

type Network = WorkerClient<NetworkCalls, NetworkTold>;

/** MTUs of the cards, if they are not 1500. */
const MTUS: Readonly<Record<string, number>> = { 'virtio-64k': 65_520 };
/** An ne2k moves two bytes by an instruction of the guest. */
const SIZES: Readonly<Record<string, string>> = { ne2k: '5MB' };

const card = byId<HTMLSelectElement>('card');
const progress = byId<HTMLProgressElement>('progress');
const time = byId<HTMLDataElement>('time');

let network: Network | undefined;
let isPaused = false;
let clock: ReturnType<typeof setInterval> | undefined;
/** Guests that are starting: how far each is in loading. */
const loading = new Map<GuestName, number | undefined>();

const say = (text: string): void => {
  const status = byId('status');
  if (status.textContent !== text) status.textContent = text;
};
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : `${error}`);
const setState = (state: 'starting' | 'up' | 'failed'): void => {
  document.body.setAttribute('data-state', state);
  byId('retry').hidden = state !== 'failed';
};

function running(): Network {
  if (!network) throw new Error('The network is not up');
  return network;
}

const tables = new Tables();
const map = new NetworkMap();
const requests = new RequestLog();
const throughput = new Chart('throughput', {
  series: ['alpha', 'beta'],
  show: bitRate,
  floor: 1e6,
});
const macs = macTable();
const ends = { names: { alpha: 'alpha', beta: 'beta', page: 'page' }, to: macs.destination };
const packets = new PacketList<EndName>(ends, (paused) => {
  isPaused = paused;
  void network?.call('setCapture', !paused);
});
const browser = new BrowserView(async (url) => running().call('get', url));
const tabs = new Tabs('tabs', (panel) => {
  if (panel === 'panel-packets') packets.shown();
});
const outside = new OutsideForm(applyOutside);
const template = byId<HTMLTemplateElement>('guest-template');
const guests = Object.fromEntries(
  NAMES.map((name) => [name, new Guest(name, template, onGuest)]),
) as Readonly<Record<GuestName, Guest>>;
const speed = new Speed({
  type: (name, line) => guests[name].type(line),
  measure: async (url) => running().call('measure', url),
});

async function applyOutside(settings: OutsideSettings): Promise<void> {
  await running().call('setOutside', settings);
  const { kind, url, allowed } = settings;
  const hosts = `${allowed.length} host${allowed.length === 1 ? '' : 's'} allowed`;
  if (kind === 'none') map.setOutside('closed: nothing leaves', false);
  else
    map.setOutside(
      `${hosts}, by ${url === '' ? 'fetch()' : new URL(url).host}`,
      allowed.length > 0,
    );
}

function onGuest(name: GuestName, state: string, part?: number): void {
  map.setState(name, state);
  if (!loading.has(name)) return;
  loading.set(name, part);
  const parts = [...loading.values()].filter((one) => one !== undefined);
  if (parts.length > 0) progress.value = parts.reduce((sum, one) => sum + one, 0) / parts.length;
  else progress.removeAttribute('value');
  say([...loading.keys()].map((one) => `${one} is ${stateOf(one)}`).join('; '));
}

const stateOf = (name: GuestName): string =>
  byId(`node-${name}`).querySelector('.state')?.textContent ?? '';

function showTime(ms: number): void {
  time.value = `${Math.round(ms)}`;
  time.textContent = `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

function onStatus(status: Status): void {
  const rates = map.show(status);
  if (rates) {
    for (const [n, name] of NAMES.entries()) {
      const { to, from } = rates[name];
      throughput.push(n === 0 ? 0 : 1, to + from);
    }
  }
  tables.showLeases(status.leases, Date.now());
  tables.showFlows(status.flows);
  speed.onFlows(status.flows);
}

function onTold(told: NetworkTold): void {
  if (told.told === 'status') onStatus(told.status);
  else if (told.told === 'wire') {
    packets.add(told.frames);
    if (!isPaused && told.unseen > 0) {
      packets.note(`${count(told.unseen)} more went by; the list shows a sample.`);
    }
  } else if (told.told === 'query') tables.addQuery(told.query);
  else if (told.told === 'request') {
    requests.show(told.request);
    speed.onRequest(told.request);
  } else if (told.told === 'moved') speed.onMoved(told.moved);
  else outside.addRefusal(told.refusal);
}

/** The network, as guests see it. */
const plugs = (mine: Network): GuestNetwork => ({
  plug: (name, cable) => mine.call('plug', name, cable),
  leased: (name) => mine.call('leased', name),
  answers: async (name) => void (await mine.call('get', `http://${name}/`)),
});

/** Ends the network that runs, and starts another one. */
async function startNetwork(): Promise<Network> {
  network?.terminate();
  map.clear();
  tables.clear();
  requests.clear();
  outside.clear();
  packets.note('');
  const worker = new Worker(new URL('./network.js', import.meta.url), {
    type: 'module',
    name: 'network',
  });
  const mine: Network = new WorkerClient<NetworkCalls, NetworkTold>(
    worker,
    (told) => mine === network && onTold(told),
    (what) => mine === network && fail(what),
  );
  network = mine;
  const { address, mac } = await mine.call('start', { mtu: MTUS[card.value] ?? 1500 });
  if (mine !== network) return mine;
  map.setPage(address, mac);
  macs.set(mac, 'page');
  if (isPaused) await mine.call('setCapture', false);
  await applyOutside(outside.settings);
  return mine;
}

/** Starts guests, and shows the first one's page when all are up. */
async function startGuests(
  names: readonly GuestName[],
  how: StartSettings['how'],
  ready: Promise<Network>,
): Promise<void> {
  const settings = { card: card.value, mtu: MTUS[card.value] ?? 1500, how };
  const through: GuestNetwork = {
    plug: async (...args) => plugs(await ready).plug(...args),
    leased: async (name) => plugs(await ready).leased(name),
    answers: async (name) => plugs(await ready).answers(name),
  };
  for (const name of names) loading.set(name, undefined);
  const ups = await Promise.all(
    names.map(async (name) => {
      const up = await guests[name].start(settings, through);
      if (up) loading.delete(name);
      return up;
    }),
  );
  // Another start has taken over.
  if (ups.some((up) => up === undefined) || loading.size > 0) return;
  const isCached = ups.every((up) => up?.isCached);
  setState('up');
  clearInterval(clock);
  say(describeStart(how, isCached));
  speed.enable();
}

function describeStart(how: StartSettings['how'], isCached: boolean): string {
  // The guests' workers share no memory.
  const isolation = crossOriginIsolated
    ? ''
    : ' The page is not isolated, and does not need to be.';
  if (how === 'boot') return `Linux has booted, from its kernel on.${isolation}`;
  const kept = isCached
    ? ', which this browser has kept (Cache API)'
    : '; this browser keeps it for the next time (Cache API)';
  const where = typeof caches === 'undefined' ? '' : kept;
  return `Linux goes on from a saved state${where}.${isolation}`;
}

/** Shows the clock while a start runs, and its failure. */
async function timed(begin: number, start: () => Promise<void>): Promise<void> {
  clearInterval(clock);
  clock = setInterval(() => showTime(performance.now() - begin), 50);
  const mine = clock;
  setState('starting');
  progress.removeAttribute('value');
  try {
    await start();
    if (mine === clock && loading.size === 0) showTime(performance.now() - begin);
  } catch (error) {
    if (mine === clock) fail(messageOf(error));
  }
}

function fail(what: string): void {
  clearInterval(clock);
  loading.clear();
  setState('failed');
  say(`It failed: ${what}`);
}

/** Starts everything. */
function startAll(begin: number): Promise<void> {
  return timed(begin, async () => {
    speed.reset(SIZES[card.value] ?? '20MB');
    loading.clear();
    const ready = startNetwork();
    await startGuests(NAMES, 'state', ready);
    if (document.body.dataset['state'] === 'up') await browser.open('http://alpha/');
  });
}

function readHash(): void {
  const wanted = location.hash.slice(1);
  if (Array.from(card.options).some(({ value }) => value === wanted)) card.value = wanted;
}

for (const name of NAMES) {
  macs.set(GUESTS[name].mac, name);
  guests[name].bootButton.addEventListener('click', () => {
    // Without a network there is nothing to plug it into.
    if (!network) return void startAll(performance.now());
    const mine = network;
    return void timed(performance.now(), () => startGuests([name], 'boot', Promise.resolve(mine)));
  });
}
card.addEventListener('change', () => {
  history.replaceState(null, '', `#${card.value}`);
  void startAll(performance.now());
});
byId('retry').addEventListener('click', () => void startAll(performance.now()));
byId('open-outside').addEventListener('click', () => {
  tabs.show('panel-outside');
  byId('allow-host').focus();
});

readHash();
void startAll(0);
