// SPDX-License-Identifier: MIT
// tabs - one of several panels is shown: a list of tabs with one place in the tab order, arrow keys, Home and End

import { byId } from '../view/dom.ts';

/** Tabs in a list; each names its panel by aria-controls. */
export class Tabs {
  readonly #tabs: readonly HTMLElement[];
  readonly #onShow: (panel: string) => void;

  /**
   * @param id - Of the list.
   * @param onShow - Called with the id of the panel that is shown.
   */
  constructor(id: string, onShow: (panel: string) => void) {
    const list = byId(id);
    this.#tabs = Array.from(list.querySelectorAll<HTMLElement>('[role=tab]'));
    this.#onShow = onShow;
    list.addEventListener('click', (event) => {
      const tab = (event.target as Element).closest<HTMLElement>('[role=tab]');
      if (tab) this.#show(tab);
    });
    list.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /** Shows a panel. */
  show(panel: string): void {
    const tab = this.#tabs.find((one) => one.getAttribute('aria-controls') === panel);
    if (tab) this.#show(tab);
  }

  #show(shown: HTMLElement): void {
    for (const tab of this.#tabs) {
      const isShown = tab === shown;
      tab.setAttribute('aria-selected', `${isShown}`);
      tab.tabIndex = isShown ? 0 : -1;
      byId(tab.getAttribute('aria-controls') ?? '').hidden = !isShown;
    }
    this.#onShow(shown.getAttribute('aria-controls') ?? '');
  }

  #onKey(event: KeyboardEvent): void {
    const at = this.#tabs.indexOf(event.target as HTMLElement);
    const last = this.#tabs.length - 1;
    const targets: Readonly<Record<string, number>> = {
      ArrowRight: at === last ? 0 : at + 1,
      ArrowLeft: at === 0 ? last : at - 1,
      Home: 0,
      End: last,
    };
    const target = this.#tabs[targets[event.key] ?? -1];
    if (!target) return;
    event.preventDefault();
    target.focus();
    this.#show(target);
  }
}
