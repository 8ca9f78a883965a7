// SPDX-License-Identifier: MIT
// links - the links of a command: QEMU, taps of Linux, and a capture of all of them

import { createWriteStream, rmSync } from 'node:fs';
import { Writable } from 'node:stream';
import type { LinkEndpoint, SwitchPort, SwitchPortOptions } from '../link/link.ts';
import { openDevice, placeOf } from './args.ts';
import type { Reporter } from './reporter.ts';

/** A network or a switch. */
export interface Pluggable {
  plug(endpoint: LinkEndpoint, options?: SwitchPortOptions): SwitchPort;
}

/** Settles when the program is to end. */
export const interrupted = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });

/** The links of guests; each is plugged in as it comes. */
export class Links {
  readonly #net: Pluggable;
  readonly #report: Reporter;
  readonly #mtu: number;
  readonly #closing: (() => unknown)[] = [];
  #wrap: (endpoint: LinkEndpoint, name: string) => LinkEndpoint = (endpoint) => endpoint;
  #count = 0;

  constructor(net: Pluggable, report: Reporter, mtu: number) {
    this.#net = net;
    this.#report = report;
    this.#mtu = mtu;
  }

  async capture(file: string): Promise<void> {
    const { createCapture } = await import('../link/filter/pcap.ts');
    const capture = createCapture();
    const writing = capture.readable.pipeTo(Writable.toWeb(createWriteStream(file)));
    writing.catch((error) => process.stderr.write(`ringstack: ${error.message}\n`));
    this.#wrap = (endpoint, name) => capture.wrap(endpoint, { name });
    this.#closing.push(async () => {
      await capture.close();
      await writing.catch(() => {});
    });
  }

  #plug(endpoint: LinkEndpoint, name: string): void {
    const port = this.#net.plug(this.#wrap(endpoint, name), { name });
    this.#report.tell('plug', { port: name }, `plug   ${name}`);
    const gone = (): void => {
      void port.close();
      this.#report.tell('unplug', { port: name }, `unplug ${name}`);
    };
    port.closed.then(gone, gone);
  }

  async listen(where: string): Promise<void> {
    const { listenQemu } = await import('../link/adapter/qemu.ts');
    const place = placeOf(where);
    // A socket of a run before that ended at once; QEMU would not find a new one beside it.
    if ('path' in place) rmSync(place.path, { force: true });
    const listener = await listenQemu({ ...place, mtu: this.#mtu });
    this.#closing.push(() => listener.close());
    const at = 'path' in place ? where : `${place.host}:${listener.port}`;
    this.#report.tell('listen', { qemu: at }, `listen for guests at ${at}`);
    void (async () => {
      for await (const guest of listener) {
        this.#closing.push(() => guest.close());
        this.#plug(guest, `qemu${this.#count++}`);
      }
    })();
  }

  async device(name: string): Promise<void> {
    const device = (await openDevice(name, this.#mtu)) as LinkEndpoint & AsyncDisposable;
    this.#closing.push(() => device[Symbol.asyncDispose]());
    this.#plug(device, name);
  }

  async close(): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
  }
}
