// SPDX-License-Identifier: MIT
// machine - entry of the worker of one guest: a PC with Linux, its card plugged into the cable to the network
//
// Theory of operation
//
// A guest that runs asks on its second serial line for its name, MAC, peer and the time; one that goes on
// from a state has asked before. The emulator runs for about a millisecond at a time; in between, frames pass. To end
// a guest, its worker is terminated.

import { connect } from 'ringstack/link';
import { createV86NetworkStream } from 'ringstack/v86';
import type { V86 } from 'v86';
import { answerCalls } from '../workers/answer.ts';
import { Assets } from './assets.ts';
import { cableEnd } from './cable.ts';
import { loadEmulator } from './emulator.ts';
import {
  GUESTS,
  type GuestCalls,
  type GuestList,
  type GuestName,
  type GuestTold,
  type Started,
  type StartSettings,
} from './messages.ts';

/** ms between two pieces of console output. */
const CONSOLE_EVERY = 50;
const QUESTION = '@@who\r\n';

const BASE = new URL('./', import.meta.url).href;

const tell = (told: GuestTold): void => globalThis.postMessage(told);

let emulator: V86 | undefined;

/** Sends output of the guest on its console to the page, in pieces. */
function passConsole(from: V86): void {
  const decoder = new TextDecoder();
  let bytes: number[] = [];
  from.add_listener('serial0-output-byte', (byte) => {
    bytes.push(byte);
  });
  setInterval(() => {
    if (bytes.length === 0) return;
    tell({ told: 'console', text: decoder.decode(Uint8Array.from(bytes), { stream: true }) });
    bytes = [];
  }, CONSOLE_EVERY);
}

/** Answers the guest's question for its name. */
function introduce(guest: V86, name: GuestName, hasAsked: boolean): void {
  const answer = (): void => {
    const { mac, peer } = GUESTS[name];
    const line = `${name} ${mac} ${peer} ${Math.floor(Date.now() / 1000)}\n`;
    guest.serial_send_bytes(1, new TextEncoder().encode(line));
  };
  let text = '';
  guest.add_listener('serial1-output-byte', (byte) => {
    text += String.fromCharCode(byte);
    if (byte !== 10) return;
    if (text.endsWith(QUESTION)) answer();
    text = '';
  });
  if (hasAsked) answer();
}

async function loadList(): Promise<GuestList> {
  const response = await fetch(new URL('guest/guest.json', BASE));
  if (!response.ok) throw new Error(`Cannot load guest.json: ${response.status}`);
  return response.json();
}

async function start(settings: StartSettings, cable: MessagePort): Promise<Started> {
  const { name, mtu, how } = settings;
  tell({ told: 'step', what: 'Loading' });
  const list = await loadList();
  const assets = new Assets(BASE, (done, total) => {
    const what = assets.isCached ? 'Reading from the cache' : 'Loading';
    tell({ told: 'step', what, done, total });
  });
  const guest = await loadEmulator(list, assets, settings);
  passConsole(guest);
  connect(createV86NetworkStream(guest, { mtu }), cableEnd(cable, mtu));
  tell({ told: 'step', what: how === 'state' ? 'Going on' : 'Booting' });
  await guest.run();
  introduce(guest, name, how === 'state');
  emulator = guest;
  const states = Object.values(list.cards).map(({ state }) => state);
  void assets.prune([...Object.values(list.files), ...states]).catch(() => {});
  return { isCached: assets.isCached };
}

answerCalls<GuestCalls>({
  start,
  type(text) {
    if (!emulator) throw new Error('The guest does not run yet');
    emulator.serial_send_bytes(0, new TextEncoder().encode(text));
  },
});
