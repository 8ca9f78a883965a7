// SPDX-License-Identifier: MIT
// run - programs that use libraries of Node, on a stack: node --import ringstack-node/register PROGRAM
//
// usage: node tests/node_libraries/run.mjs [NAME,NAME]        (after make test-node-libraries has installed them)
//
// Each program in programs/ is one that runs without a stack as well. It asserts what it gets, and must end by itself:
// a socket that keeps the process alive is an error too.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(fileURLToPath(new URL('.', import.meta.url)), '../..');
const FOLDER = join(ROOT, 'build/node-libraries');
const REGISTER = join(ROOT, 'packages/node/dist/register.js');
/** ms; the slowest takes two seconds on an idle machine. */
const PATIENCE = 60_000;

const only = process.argv[2]?.split(',');
const names = readdirSync(join(FOLDER, 'programs'))
  .map((file) => file.replace(/\.mjs$/, ''))
  .filter((name) => !only || only.includes(name));
let failed = 0;
for (const name of names) {
  const said = await new Promise((settle) => {
    const args = ['--import', REGISTER, join('programs', `${name}.mjs`)];
    const options = { cwd: FOLDER, timeout: PATIENCE, killSignal: 'SIGKILL' };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (!error) settle(undefined);
      else
        settle(`${error.killed ? `still running after ${PATIENCE} ms\n` : ''}${stdout}${stderr}`);
    });
  });
  console.log(`${said === undefined ? 'passed' : 'FAILED'} ${name}`);
  if (said !== undefined) {
    failed++;
    console.log(said);
  }
}
console.log(`${names.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
