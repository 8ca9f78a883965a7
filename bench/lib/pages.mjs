// SPDX-License-Identifier: MIT
// pages - runs cells in browsers: each in a page of its own, in the browser that the last one left open
//
// A browser is started for the first cell that wants it and closed when a cell wants another one, so that
// no idle browser runs beside what is measured; a cell that hangs costs it its life.

import { fileURLToPath } from 'node:url';
import { findBrowser, launch } from '../../tools/page/browsers.mjs';
import { serve } from '../../tools/page/serve.mjs';
import { PATIENCE } from './runner.mjs';

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const MOUNTS = { '/bench/': folder('../'), '/dist/': folder('../../dist/') };

/** Rejects after some ms. */
function tooLate(ms) {
  let timer;
  const promise = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ms / 1000} s`)), ms);
  });
  return { promise, clear: () => clearTimeout(timer) };
}

/** The browsers of a run. */
export class Pages {
  #servers = new Map();
  #browser;
  #name;
  /** Names and versions, in the order in which they were first started. */
  versions = new Set();

  /** Address of the page, isolated or not. */
  async #url(isolated) {
    if (!this.#servers.has(isolated)) {
      this.#servers.set(isolated, await serve({ mounts: MOUNTS, isolated }));
    }
    return `${this.#servers.get(isolated).url}bench/page/`;
  }

  async #open(name) {
    if (this.#name !== name) await this.#leave();
    this.#browser ??= await launch(name);
    this.#name = name;
    this.versions.add(this.#browser.version);
    return this.#browser;
  }

  /** Closes the browser that is open, if one is. */
  async #leave() {
    const browser = this.#browser;
    this.#browser = undefined;
    this.#name = undefined;
    await browser?.close();
  }

  async #measure({ setup, options, metric, params, round }, browser, url) {
    const page = await browser.open(url);
    const task = { setup, options, metric, params, round };
    const outcome = await page.evaluate((cell) => globalThis.benchPage.measure(cell), task);
    await page.close();
    return outcome;
  }

  /**
   * Runs a cell once; never rejects.
   *
   * @param {any} cell - `runtime`: the browser; `isolated`.
   * @param {number} [patience]
   */
  async run(cell, patience = PATIENCE) {
    if (!findBrowser(cell.runtime)) return { skipped: `not here: ${cell.runtime}` };
    let late;
    try {
      const url = await this.#url(cell.isolated);
      const isNew = this.#name !== cell.runtime;
      const browser = await this.#open(cell.runtime);
      late = tooLate(patience);
      const once = () => Promise.race([this.#measure(cell, browser, url), late.promise]);
      // A browser does much else when it has just started: its first page is not counted.
      if (isNew) await once();
      return await once();
    } catch (error) {
      await this.#leave();
      return { error: `${error.stack ?? error}` };
    } finally {
      late?.clear();
    }
  }

  /** Ends all of it. */
  async close() {
    await this.#leave();
    for (const server of this.#servers.values()) await server.close();
  }
}
