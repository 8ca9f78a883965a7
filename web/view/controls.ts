// SPDX-License-Identifier: MIT
// controls - the form with the settings

import type { Settings } from '../settings.ts';
import { DEFAULTS, MTUS, settle } from '../settings.ts';
import { count } from '../units.ts';
import { byId } from './dom.ts';

const select = (id: string): HTMLSelectElement => byId<HTMLSelectElement>(id);
const range = (id: string): HTMLInputElement => byId<HTMLInputElement>(id);

/** The form. */
export class Controls {
  readonly #direction = select('direction');
  readonly #wire = select('wire');
  readonly #engine = select('engine');
  readonly #ip = select('ip');
  readonly #mtu = range('mtu');
  readonly #loss = range('loss');

  /**
   * Connects the form.
   *
   * @param isIsolated - Whether a stack can run in a worker.
   * @param onChange - Called with new settings when a control has come to rest.
   */
  constructor(isIsolated: boolean, onChange: (settings: Settings) => void) {
    this.#mtu.max = `${MTUS.length - 1}`;
    const worker = this.#engine.querySelector<HTMLOptionElement>('[value=worker]');
    if (worker) worker.disabled = !isIsolated;
    for (const slider of [this.#mtu, this.#loss]) {
      slider.addEventListener('input', () => this.#describe());
    }
    byId('controls').addEventListener('change', () => {
      const settings = this.read();
      this.show(settings);
      onChange(settings);
    });
  }

  /** The settings in the form. */
  read(): Settings {
    return settle({
      direction: this.#direction.value as Settings['direction'],
      wire: this.#wire.value as Settings['wire'],
      engine: this.#engine.value as Settings['engine'],
      ip: this.#ip.value === '6' ? 6 : 4,
      mtu: MTUS[Number(this.#mtu.value)] ?? DEFAULTS.mtu,
      loss: Number(this.#loss.value),
    });
  }

  /** Sets the form. */
  show(settings: Settings): void {
    this.#direction.value = settings.direction;
    this.#wire.value = settings.wire;
    this.#engine.value = settings.engine;
    this.#ip.value = `${settings.ip}`;
    this.#mtu.value = `${MTUS.indexOf(settings.mtu)}`;
    this.#loss.value = `${settings.loss}`;
    this.#describe();
  }

  /** Shows the values of sliders as text; a cable joined in C loses nothing. */
  #describe(): void {
    const { mtu, loss, wire } = this.read();
    const put = (slider: HTMLInputElement, text: string, spoken: string): void => {
      byId(`${slider.id}-value`).textContent = text;
      slider.setAttribute('aria-valuetext', spoken);
    };
    put(this.#mtu, `${count(mtu)} B`, `${mtu} bytes`);
    this.#loss.disabled = wire === 'direct';
    put(this.#loss, wire === 'direct' ? 'none' : `${loss} %`, `${loss} percent`);
  }
}
