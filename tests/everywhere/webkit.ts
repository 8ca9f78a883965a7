// SPDX-License-Identifier: MIT
// webkit - WebKitGTK's MiniBrowser, driven by plain WebDriver over HTTP
//
// A driver has one session, so every page has a driver of its own. The console cannot be listened to: the
// lines that a page keeps are asked for.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { freePort } from '../helpers/ports.ts';
import type { Browser } from './hosts.ts';

const DRIVER = '/usr/bin/WebKitWebDriver';
/** How often a page is asked for its lines, ms. */
const EVERY = 300;
/** How long one command may take, ms. */
const PATIENCE = 20_000;

function findMiniBrowser(): string | undefined {
  const folders = existsSync('/usr/lib') ? readdirSync('/usr/lib') : [];
  return folders
    .flatMap((folder) =>
      ['4.1', '6.0', '4.0'].map((api) =>
        api === '6.0'
          ? `/usr/lib/${folder}/webkitgtk-6.0/MiniBrowser`
          : `/usr/lib/${folder}/webkit2gtk-${api}/MiniBrowser`,
      ),
    )
    .find((path) => existsSync(path));
}

/** Why WebKitGTK cannot be driven here; undefined: it can. */
export function whyNoWebKit(): string | undefined {
  if (!existsSync(DRIVER) || !findMiniBrowser()) return 'not installed';
  if (!existsSync('/usr/bin/Xvfb')) return 'no Xvfb to show it on';
  return undefined;
}

/** A child process, and how it and what it started are ended. */
function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], env, detached: true });
  const gone = new Promise((resolve) => child.on('exit', resolve));
  const stop = async (): Promise<void> => {
    if (child.pid && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    await gone;
  };
  return { child, stop };
}

/** A screen that nobody sees. @returns Its name, as ':99'. */
async function startScreen() {
  const { child, stop } = start('/usr/bin/Xvfb', ['-displayfd', '1', '-screen', '0', '800x600x24']);
  const number = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(String(data).trim()));
    child.once('close', () => reject(new Error('Xvfb did not start')));
  });
  return { display: `:${number}`, stop };
}

/** One command of WebDriver. */
async function command(url: string, method: string, body?: object): Promise<unknown> {
  const response = await fetch(url, {
    method,
    signal: AbortSignal.timeout(PATIENCE),
    ...(body
      ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
      : {}),
  });
  const { value } = (await response.json()) as { value: unknown };
  if (response.ok) return value;
  throw new Error((value as { message?: string }).message ?? `${response.status}`);
}

interface Session {
  readonly sessionId: string;
  readonly capabilities: { readonly browserName: string; readonly browserVersion: string };
}

function openSession(base: string, binary: string): Promise<Session> {
  const options = { binary, args: ['--automation'] };
  return command(`${base}/session`, 'POST', {
    capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': options } },
  }) as Promise<Session>;
}

/** Hands on the lines that a page keeps, until it is stopped. */
function followLines(url: string, onConsole: (text: string) => void): () => Promise<void> {
  let going = true;
  let taken = 0;
  const script = 'return (globalThis.lines ?? []).slice(arguments[0])';
  const following = (async () => {
    while (going) {
      await new Promise((resolve) => setTimeout(resolve, EVERY));
      const body = { script, args: [taken] };
      // A page that is busy or gone answers nothing; the caller's timeout decides.
      const asked = command(`${url}/execute/sync`, 'POST', body).catch(() => []);
      const lines = (await asked) as string[];
      taken += lines.length;
      lines.forEach(onConsole);
    }
  })();
  return async () => {
    going = false;
    await following;
  };
}

/** Starts a driver. */
async function startDriver(display: string) {
  const port = await freePort('tcp');
  const env = { ...process.env, DISPLAY: display, WEBKIT_DISABLE_COMPOSITING_MODE: '1' };
  const { stop } = start(DRIVER, [`--port=${port}`], env);
  const base = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 100; tries++) {
    const status = await command(`${base}/status`, 'GET').catch(() => undefined);
    if (status) return { base, stop };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop();
  throw new Error('WebKitWebDriver does not answer');
}

/** A driver and its session. */
async function openWindow(display: string, binary: string) {
  const driver = await startDriver(display);
  try {
    const { sessionId, capabilities } = await openSession(driver.base, binary);
    const session = `${driver.base}/session/${sessionId}`;
    const close = async (): Promise<void> => {
      await command(session, 'DELETE').catch(() => {});
      await driver.stop();
    };
    return { session, version: capabilities.browserVersion, close };
  } catch (error) {
    await driver.stop();
    throw error;
  }
}

/** Starts WebKitGTK, as tools/page/browsers.mjs does the others. */
export async function launchWebKit(): Promise<Browser> {
  const binary = findMiniBrowser() ?? '';
  const screen = await startScreen();
  const first = await openWindow(screen.display, binary).catch(async (error) => {
    await screen.stop();
    throw error;
  });
  await first.close();
  return {
    version: `WebKitGTK ${first.version}`,
    async open(url, { onConsole }) {
      const { session, close } = await openWindow(screen.display, binary);
      await command(`${session}/url`, 'POST', { url: `${url}&polled` });
      const stopFollowing = followLines(session, onConsole);
      return {
        close: async () => {
          await stopFollowing();
          await close();
        },
      };
    },
    close: screen.stop,
  };
}
