// SPDX-License-Identifier: MIT
// args - arguments of the command, and the links that they name

import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { LinkEndpoint } from '../link/link.ts';
import { UsageError } from './usage.ts';

type Values = Record<string, string | boolean | (string | boolean)[] | undefined>;

/** Arguments as they were given. */
export class Args {
  readonly words: readonly string[];
  readonly #values: Values;

  constructor(args: readonly string[], options: NonNullable<ParseArgsConfig['options']>) {
    try {
      const { values, positionals } = parseArgs({
        args: [...args],
        options: { help: { type: 'boolean', short: 'h' }, ...options },
        allowPositionals: true,
      });
      this.#values = values;
      this.words = positionals;
    } catch (error) {
      throw new UsageError((error as Error).message);
    }
  }

  /** Whether an option is there. */
  has(name: string): boolean {
    return this.#values[name] === true;
  }

  /** The text of an option. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** The texts of an option that may be given several times. */
  list(name: string): string[] {
    return [this.#values[name] ?? []].flat().filter((one) => typeof one === 'string');
  }

  /** A whole number. */
  number(name: string, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new UsageError(`--${name} '${text}': must be a whole number from ${least} to ${most}`);
  }
}

/** A socket for QEMU: unix:PATH, HOST:PORT or PORT. */
export function placeOf(text: string): { path: string } | { host: string; port: number } {
  if (text.startsWith('unix:') && text.length > 5) return { path: text.slice(5) };
  const [, host = '127.0.0.1', port = ''] = /^(?:tcp:)?(?:(.+):)?(\d{1,5})$/.exec(text) ?? [];
  if (port !== '' && Number(port) <= 65_535) {
    return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
  }
  throw new UsageError(`--qemu '${text}': must be unix:PATH or [HOST:]PORT`);
}

/** Opens a tap device: NAME or NAME@NAMESPACE. */
export async function openDevice(text: string, mtu: number): Promise<LinkEndpoint> {
  const { openTap } = await import('../link/adapter/linux_tap/tap.ts');
  const [name = '', namespace] = text.split('@');
  return openTap({ name, mtu, ...(namespace !== undefined && { namespace }) });
}

/** An address with a port or without one. */
export function serverOf(text: string, port = 53): { ip: string; port: number } {
  const [, six, five] = /^\[(.*)\](?::(\d+))?$/.exec(text) ?? [];
  const [, four, other] = /^([^:]+):(\d+)$/.exec(text) ?? [];
  return { ip: six ?? four ?? text, port: Number(five ?? other ?? port) };
}
