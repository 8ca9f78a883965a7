// SPDX-License-Identifier: MIT
// process - programs of the machine: started, waited for by what they print, ended with their scope

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Scope } from './scope.ts';

/** Path of a program; undefined if it is not installed. */
export function findProgram(name: string): string | undefined {
  const { PATH = '' } = process.env as { PATH?: string };
  const folders = [...PATH.split(delimiter), '/usr/sbin', '/sbin'];
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** A program that runs. */
export class Program {
  readonly child: ChildProcess;
  /** All it has printed, both streams as they came. */
  output = '';
  /** Its standard output so far. */
  stdout = '';
  /** Its exit status when it has ended, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  readonly #name: string;
  readonly #isGroup: boolean;
  #onOutput = new Set<() => void>();

  constructor(scope: Scope, command: readonly string[], options: SpawnOptions = {}) {
    const [program = '', ...args] = command;
    this.#name = command.join(' ');
    this.#isGroup = !!options.detached;
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.output += error.message;
        resolve(error.message);
      });
      this.child.once('close', (status, signal) => resolve(status ?? signal ?? -1));
    });
    void this.ended.then(() => this.#changed());
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#add(text);
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#add(text));
    this.child.stdin?.on('error', () => {});
    scope.defer(() => this.stop());
  }

  #add(text: string): void {
    this.output += text;
    this.#changed();
  }

  #changed(): void {
    for (const look of this.#onOutput) look();
  }

  /** Waits until it has printed something, at or after a place in its output. */
  async printed(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    let isOver = false;
    const over = this.ended.then(() => {
      isOver = true;
    });
    for (;;) {
      const found = pattern.exec(this.output.slice(from));
      if (found) return found;
      if (isOver) throw new Error(`${this.#name} did not print ${pattern}:\n${this.output}`);
      let look = (): void => {};
      const change = new Promise<void>((resolve) => {
        look = resolve;
      });
      this.#onOutput.add(look);
      await Promise.race([change, over]);
      this.#onOutput.delete(look);
    }
  }

  /** Waits for its end; fails unless its exit status is 0. */
  async succeeded(): Promise<string> {
    const status = await this.ended;
    if (status !== 0) throw new Error(`${this.#name} ended with ${status}:\n${this.output}`);
    return this.stdout;
  }

  /** Ends it, and what it has started if it is `detached`. */
  async stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      if (this.#isGroup) process.kill(-child.pid, 'SIGKILL');
      else child.kill('SIGKILL');
    }
    await this.ended;
  }
}
