// SPDX-License-Identifier: MIT
// machine - entry of the page's worker: a PC, a stack at the other end of its cable, a web server on it
//
// Theory of operation
//
// All three share this thread. The emulator runs for about a millisecond at a time; in between, the stack takes
// the frames of its network card. A sampler sees the frames on the cable and sends some of them to the page
// (packets/sampler.ts); the interface counts all. Each machine is a worker of its own.

import { createStack, type NetworkStack, type TapInterface } from 'ringstack';
import { type FrameSink, type LinkEndpoint, wrapEndpoint } from 'ringstack/link';
import { connectV86 } from 'ringstack/v86';
import type { V86 } from 'v86';
import { Sampler } from '../packets/sampler.ts';
import type { EndName } from '../packets/seen.ts';
import { answerCalls } from '../workers/answer.ts';
import { Assets } from './assets.ts';
import { loadEmulator } from './emulator.ts';
import { getDocument, measureDocument } from './http_client.ts';
import { serveGuest } from './http_server.ts';
import {
  ADDRESS,
  type Calls,
  type GuestList,
  type Started,
  type StartSettings,
  type Told,
} from './messages.ts';

/** ms between two reports. */
const COUNTERS_EVERY = 250;
const OTHERS_EVERY = 50;

const BASE = new URL('.//', import.meta.url).href;

const tell = (told: Told): void => globalThis.postMessage(told);
const sampler = new Sampler(() => performance.timeOrigin + performance.now());

interface Machine {
  readonly emulator: V86;
  readonly stack: NetworkStack;
  readonly tap: TapInterface;
}

let machine: Machine | undefined;

function running(): Machine {
  if (!machine) throw new Error('The machine is not on yet');
  return machine;
}

/** Lets the sampler see the frames of a card. */
function watch(card: LinkEndpoint): LinkEndpoint {
  const lane = (from: EndName) => (next: FrameSink) => ({
    send(frame: Uint8Array): boolean {
      const isTaken = next.send(frame);
      if (isTaken) sampler.see(from, frame, false);
      return isTaken;
    },
    ready: () => next.ready(),
  });
  return wrapEndpoint(card, { incoming: lane('B'), outgoing: lane('A') });
}

/** Output of the guest on its console, sent to the page in pieces. */
class Console {
  readonly #decoder = new TextDecoder();
  readonly #prompt: string;
  #bytes: number[] = [];
  #seen = '';
  /** Settles when the shell waits for the first time. */
  readonly prompted: Promise<void>;
  #onPrompt = (): void => {};

  constructor(emulator: V86, prompt: string) {
    this.#prompt = prompt;
    this.prompted = new Promise((done) => {
      this.#onPrompt = done;
    });
    emulator.add_listener('serial0-output-byte', (byte) => {
      this.#bytes.push(byte);
    });
    setInterval(() => this.#flush(), OTHERS_EVERY);
  }

  #flush(): void {
    if (this.#bytes.length === 0) return;
    const text = this.#decoder.decode(Uint8Array.from(this.#bytes), { stream: true });
    this.#bytes = [];
    tell({ told: 'console', text });
    this.#seen = (this.#seen + text).slice(-2000);
    if (this.#seen.includes(this.#prompt)) this.#onPrompt();
  }
}

async function loadList(): Promise<GuestList> {
  const response = await fetch(new URL('guest/guest.json', BASE));
  if (!response.ok) throw new Error(`Cannot load guest.json: ${response.status}`);
  return response.json();
}

async function start(settings: StartSettings): Promise<Started> {
  tell({
    told: 'step',
    what: settings.how === 'state' ? 'Loading a booted guest' : 'Loading Linux',
  });
  const list = await loadList();
  const assets = new Assets(BASE, (done, total) => {
    const what = assets.isCached ? 'Reading from the cache' : 'Loading';
    tell({ told: 'step', what, done, total });
  });
  const stack = createStack({ engine: 'inline', initializeLoopback: false });
  const { emulator, console: shown } = await loadEmulator(list, assets, settings);
  if (shown) tell({ told: 'console', text: shown, isOld: true });
  const console = new Console(emulator, list.prompt);
  const tap = await connectV86(await stack, emulator, { ip: `${ADDRESS.page}/24`, wrap: watch });
  await serveGuest(await stack, (request) => tell({ told: 'request', request }));
  tell({ told: 'step', what: settings.how === 'state' ? 'Going on' : 'Booting' });
  await emulator.run();
  machine = { emulator, stack: await stack, tap };
  report(tap);
  if (settings.how === 'boot') await console.prompted;
  const files = [
    ...Object.values(list.files),
    ...Object.values(list.cards).map((one) => one.state),
  ];
  void assets.prune(files).catch(() => {});
  return { isCached: assets.isCached, mtu: tap.mtu, mac: tap.mac };
}

/** Sends counters and frames to the page regularly. */
function report(tap: TapInterface): void {
  setInterval(() => {
    const { txBytes, rxBytes } = tap.statistics;
    const counters = { time: performance.now(), toGuest: txBytes, fromGuest: rxBytes };
    tell({ told: 'counters', counters });
  }, COUNTERS_EVERY);
  setInterval(() => {
    const { frames, counters } = sampler.take();
    tell({ told: 'wire', frames, unseen: counters.unseen });
  }, OTHERS_EVERY * 2);
}

answerCalls<Calls>({
  start,
  type(text) {
    running().emulator.serial_send_bytes(0, new TextEncoder().encode(text));
  },
  get: (url) => getDocument(running().stack, url),
  measure: (url) =>
    measureDocument(running().stack, url, (moved) => tell({ told: 'moved', moved })),
  setCapture(on) {
    sampler.isOn = on;
  },
});
