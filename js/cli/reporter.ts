// SPDX-License-Identifier: MIT
// reporter - writes what happens, for people or as JSON

import type { FlowEvent } from '../gateway/gateway.ts';
import type { Args } from './args.ts';

/** Writes what happens: for people, or as JSON. */
export class Reporter {
  readonly #isJson: boolean;
  readonly #isQuiet: boolean;

  constructor(args: Args) {
    this.#isJson = args.has('json');
    this.#isQuiet = args.has('quiet') || args.has('status');
  }

  /** Something that happened; text says it to people. */
  tell(event: string, fields: object, text: string): void {
    if (this.#isJson) {
      const time = new Date().toISOString();
      const plain = (_: string, value: unknown): unknown =>
        value instanceof Error ? ((value as { code?: string }).code ?? value.message) : value;
      process.stdout.write(`${JSON.stringify({ time, event, ...fields }, plain)}\n`);
    } else if (!this.#isQuiet) {
      process.stdout.write(`${text}\n`);
    }
  }

  flow({ kind, ...event }: FlowEvent): void {
    const { protocol, source, destination, rule, error } = event;
    const end = (at: FlowEvent['source']): string =>
      `${at.name ?? at.address}${at.port ? `:${at.port}` : ''}`;
    const why = rule ?? (error as { message?: string } | undefined)?.message ?? '';
    const ends = `${protocol} ${end(source)} -> ${end(destination)}`;
    this.tell(kind, event, `${kind.padEnd(6)} ${ends}${why && `  (${why})`}`);
  }
}
