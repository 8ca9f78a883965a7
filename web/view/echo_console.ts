// SPDX-License-Identifier: MIT
// echo_console - type a line: it goes to the other stack over TCP, and comes back

import type { Echoed } from '../messages.ts';
import { byId, make } from './dom.ts';

/** Lines that stay. */
const KEPT = 100;

/** Lets the form send lines. */
export function startEchoConsole(echo: (line: string) => Promise<Echoed>): void {
  const form = byId<HTMLFormElement>('echo-form');
  const input = byId<HTMLInputElement>('echo-line');
  const log = byId('echo-log');

  const add = (kind: string, mark: string, text: string, note = ''): void => {
    const row = make('li', kind);
    row.append(make('span', 'mark', mark), make('span', 'text', text), make('span', 'note', note));
    log.append(row);
    while (log.children.length > KEPT) log.firstElementChild?.remove();
    log.scrollTop = log.scrollHeight;
  };

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const line = input.value;
    if (!line) return;
    input.value = '';
    add('sent', 'A', line);
    try {
      const back = await echo(line);
      add('back', 'B', back.line, `${back.ms.toFixed(2)} ms`);
    } catch (error) {
      add('bad', '!', error instanceof Error ? error.message : String(error));
    }
  });
}
