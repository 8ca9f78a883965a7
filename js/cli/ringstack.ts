#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// ringstack - the command `npx ringstack`: net, bridge, ping, dig, bench

import { readFileSync } from 'node:fs';
import { bench } from './bench.ts';
import { bridge } from './bridge.ts';
import { net } from './net.ts';
import { dig, ping } from './tools.ts';
import { EXIT, HELP, UsageError } from './usage.ts';

const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  net,
  bridge,
  ping,
  dig,
  bench,
};

async function run([name = '', ...args]: readonly string[]): Promise<number> {
  if (name === '-V' || name === '--version') {
    const { version } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    process.stdout.write(`${version}\n`);
    return EXIT.ok;
  }
  if (name === '-h' || name === '--help' || name === 'help') {
    process.stdout.write(HELP[args[0] ?? ''] ?? (HELP[''] as string));
    return EXIT.ok;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    throw new UsageError(name === '' ? 'a command must be given' : `unknown command '${name}'`);
  }
  return command(args);
}

const argv = process.argv.slice(2);
run(argv).then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error & { code?: string }) => {
    const isUsage = error instanceof UsageError || error.code === 'EINVAL';
    process.stderr.write(`ringstack: ${error.message}\n`);
    if (isUsage) process.stderr.write(`Try 'ringstack ${argv[0] ?? ''} --help'.\n`);
    process.exitCode = isUsage ? EXIT.usage : EXIT.failed;
  },
);
