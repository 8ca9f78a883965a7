// SPDX-License-Identifier: MIT
// browsers - starts the browsers that tests and benchmarks drive, and opens pages in them
//
// Chromium through playwright-core; Firefox through puppeteer-core over WebDriver BiDi, which playwright
// cannot drive as distributions build it. Both are given the least that tests of all kinds need: open a
// page, run a function in it, close. To click through a page, use Chromium's own `page`.
import { existsSync } from 'node:fs';

/** Paths at which distributions and users have them; an environment variable comes first. */
const PLACES = {
  chromium: [
    process.env.CHROMIUM,
    '/usr/bin/chromium',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ],
  firefox: [
    process.env.FIREFOX,
    '/usr/bin/firefox-esr',
    '/usr/bin/firefox',
    '/Applications/Firefox.app/Contents/MacOS/firefox',
  ],
};

/** Path of a browser; undefined if it is not installed. */
export function findBrowser(name) {
  return PLACES[name].find((place) => place && existsSync(place));
}

async function launchChromium(executablePath, more) {
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({
    executablePath,
    args: [
      // As root there is no sandbox; pages are our own.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Nor looks up names of the world, on ports of this machine that a test may want.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
      // Containers give /dev/shm 64 MiB, less than an arena.
      '--disable-dev-shm-usage',
      '--js-flags=--expose-gc',
      ...more,
    ],
  });
  return {
    version: `Chromium ${browser.version()}`,
    async open(url, { onConsole, viewport, beside } = {}) {
      const context =
        beside?.page.context() ?? (await browser.newContext(viewport ? { viewport } : {}));
      const page = await context.newPage();
      const gone = new Promise((resolve) => {
        page.on('crash', () => resolve('The page crashed'));
        page.on('close', () => resolve('The page was closed'));
      });
      if (onConsole) {
        page.on('console', (message) => onConsole(message.text()));
        page.on('pageerror', (error) => onConsole(`uncaught: ${error.stack ?? error}`));
      }
      await page.goto(url);
      return {
        page,
        gone,
        evaluate: (run, ...args) => page.evaluate(run, ...args),
        close: () => (beside ? page.close() : context.close()),
      };
    },
    close: () => browser.close(),
  };
}

/** Pages run side by side, each as if it were the one that is looked at. */
const FIREFOX_PREFERENCES = {
  'dom.min_background_timeout_value': 4,
  'dom.min_background_timeout_value_without_budget_throttling': 4,
  'dom.timeout.enable_budget_timer_throttling': false,
  'dom.ipc.processPriorityManager.enabled': false,
};

async function launchFirefox(executablePath) {
  const { default: puppeteer } = await import('puppeteer-core');
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath,
    headless: true,
    protocolTimeout: 0,
    extraPrefsFirefox: FIREFOX_PREFERENCES,
  });
  // A tab that opens while another closes is sometimes gone before it is there.
  let last = Promise.resolve();
  const inTurn = (task) => {
    const done = last.then(task);
    last = done.catch(() => {});
    return done;
  };
  return {
    version: `Firefox ${(await browser.version()).replace(/^firefox\//i, '')}`,
    async open(url, { onConsole, viewport } = {}) {
      const page = await inTurn(() => browser.newPage());
      const gone = new Promise((resolve) => {
        page.on('error', () => resolve('The page crashed'));
        page.on('close', () => resolve('The page was closed'));
      });
      if (viewport) await page.setViewport(viewport);
      if (onConsole) {
        page.on('console', (message) => onConsole(message.text()));
        page.on('pageerror', (error) => onConsole(`uncaught: ${error.stack ?? error}`));
      }
      await page.goto(url);
      return {
        page,
        gone,
        evaluate: (run, ...args) => page.evaluate(run, ...args),
        close: () => inTurn(() => page.close()),
      };
    },
    close: () => browser.close(),
  };
}

const LAUNCHERS = { chromium: launchChromium, firefox: launchFirefox };

/**
 * Starts a browser, headless.
 *
 * @param name - 'chromium' or 'firefox'.
 * @param args - More arguments of Chromium.
 * @returns `version`; `open(url, { onConsole, viewport, beside })`, in the profile of the tab `beside` if there is one, else
 *   in one of its own (in Firefox there is only one), which gives `evaluate(fn, arg)`, `page` (the
 *   driver's own), `gone` (settles with the reason when the page crashed or was closed) and `close()`; `close()`.
 */
export async function launch(name, args = []) {
  const path = findBrowser(name);
  if (!path) throw new Error(`Cannot find ${name}; set ${name.toUpperCase()} to its path`);
  return LAUNCHERS[name](path, args);
}
