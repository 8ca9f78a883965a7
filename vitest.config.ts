// SPDX-License-Identifier: MIT
// vitest.config - how the TypeScript tests run

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The sources look for stack.wasm beside them, where dist/ has it; tests take the one that was built. */
const builtModule = {
  name: 'built-module',
  enforce: 'pre' as const,
  transform(code: string, id: string): string | undefined {
    if (!id.endsWith('/js/runtime/load.ts')) return undefined;
    return code.replace('./../stack.wasm', './../../dist/stack.wasm');
  },
};

export default defineConfig({
  plugins: [builtModule],
  resolve: {
    alias: { ringstack: fileURLToPath(new URL('./js/index.ts', import.meta.url)) },
  },
  test: {
    environment: 'node',
    include: ['tests/**/*.test.ts'],
    // A process for every file: a test may block its thread in Atomics.wait, start workers over
    // shared memory, and measure the memory of its process.
    pool: 'forks',
    execArgv: ['--expose-gc'],
    testTimeout: 20_000,
  },
});
