// SPDX-License-Identifier: MIT
// guest - one guest on the page: its worker, its console, its state
//
// Theory of operation
//
// A guest is starting, up (it has an address, and its web server has answered), or failed. Another start ends its worker,
// and whatever the old one still has to say is not heard.

import { byteCount } from '../units.ts';
import { find, make } from '../view/dom.ts';
import { WorkerClient } from '../worker_client.ts';
import { Console } from './console.ts';
import type { GuestCalls, GuestName, GuestTold, StartSettings } from './messages.ts';

type Machine = WorkerClient<GuestCalls, GuestTold>;

/** The result of a start. */
export interface GuestUp {
  readonly isCached: boolean;
}

/** The network, as far as a guest needs it. */
export interface GuestNetwork {
  /** Plugs a cable in. */
  plug(name: GuestName, cable: MessagePort): Promise<void>;
  /** Settles with the guest's address. */
  leased(name: GuestName): Promise<string>;
  /** Settles when its web server has answered. */
  answers(name: GuestName): Promise<void>;
}

/** Called with the state of a guest, and how far it is in loading (0 to 1; undefined: not known). */
export type OnGuest = (name: GuestName, state: string, part?: number) => void;

/** A guest. */
export class Guest {
  readonly name: GuestName;
  readonly console: Console;
  readonly bootButton: HTMLButtonElement;
  readonly #state: HTMLElement;
  readonly #root: HTMLElement;
  readonly #onState: OnGuest;
  #machine: Machine | undefined;

  /**
   * Makes its part of the page.
   *
   * @param name - Its name.
   * @param template - The template of a guest.
   * @param onState - Is told of its state in words.
   */
  constructor(name: GuestName, template: HTMLTemplateElement, onState: OnGuest) {
    this.name = name;
    this.#onState = onState;
    this.#root = find(template.content.cloneNode(true) as ParentNode, 'section');
    this.#root.setAttribute('aria-label', `Guest ${name}`);
    this.#root.classList.add(name);
    find(this.#root, 'h2').prepend(make('span', 'name', name), ' ');
    find(this.#root, '.input').setAttribute('aria-label', `Console of ${name}`);
    this.#state = find(this.#root, '.state');
    this.bootButton = find<HTMLButtonElement>(this.#root, '.boot');
    this.bootButton.setAttribute('aria-label', `Boot from scratch: ${name}`);
    this.console = new Console(this.#root, (text) => this.type(text));
    template.before(this.#root);
  }

  /** Types into the console. */
  type(text: string): void {
    void this.#machine?.call('type', text).catch(() => {});
  }

  /**
   * Ends the guest that runs, and starts another one.
   *
   * @param settings - Card, and how it starts.
   * @param network - The network that it is plugged into.
   * @returns When it is up; undefined if another start came in between.
   * @throws The reason if it fails.
   */
  async start(
    settings: Omit<StartSettings, 'name'>,
    network: GuestNetwork,
  ): Promise<GuestUp | undefined> {
    this.stop();
    this.console.clear();
    this.#root.dataset['guest'] = 'starting';
    let fail = (_error: Error): void => {};
    const failed = new Promise<never>((_done, reject) => {
      fail = reject;
    });
    const worker = new Worker(new URL('./machine.js', import.meta.url), {
      type: 'module',
      name: this.name,
    });
    const mine: Machine = new WorkerClient<GuestCalls, GuestTold>(
      worker,
      (told) => mine === this.#machine && this.#onTold(told),
      (what) => fail(new Error(what)),
    );
    this.#machine = mine;
    const isMine = (): boolean => mine === this.#machine;
    try {
      return await Promise.race([failed, this.#run(mine, settings, network, isMine)]);
    } catch (error) {
      if (!isMine()) return undefined;
      this.stop();
      const what = error instanceof Error ? error.message : String(error);
      this.#say('failed');
      this.#root.dataset['guest'] = 'failed';
      throw new Error(`${this.name}: ${what}`);
    }
  }

  /** Ends it. */
  stop(): void {
    this.#machine?.terminate();
    this.#machine = undefined;
  }

  async #run(
    mine: Machine,
    settings: Omit<StartSettings, 'name'>,
    network: GuestNetwork,
    isMine: () => boolean,
  ): Promise<GuestUp | undefined> {
    const { name } = this;
    const { port1, port2 } = new MessageChannel();
    const [{ isCached }] = await Promise.all([
      mine.call('start', { ...settings, name }, port2),
      network.plug(name, port1),
    ]);
    if (isMine()) this.#say(settings.how === 'boot' ? 'booting' : 'asking for an address');
    await network.leased(name);
    if (isMine()) this.#say('waiting for its web server');
    await network.answers(name);
    if (!isMine()) return undefined;
    this.#say('up');
    this.#root.dataset['guest'] = 'up';
    return { isCached };
  }

  #say(state: string, part?: number): void {
    this.#state.textContent = state;
    this.#onState(this.name, state, part);
  }

  #onTold(told: GuestTold): void {
    if (told.told === 'console') {
      this.console.write(told.text);
      return;
    }
    const { what, done = 0, total = 0 } = told;
    if (total === 0) this.#say(what.toLowerCase());
    else {
      const words = `${what.toLowerCase()}: ${byteCount(done)} of ${byteCount(total)}`;
      this.#say(words, done / total);
    }
  }
}
