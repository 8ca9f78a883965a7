// SPDX-License-Identifier: MIT
// vitest.config - how the TypeScript tests run

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
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
