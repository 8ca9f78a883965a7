// SPDX-License-Identifier: MIT
// openings.test - every source file says its licence, its name and its role (STYLE.md habit 12)

import { expect, test } from 'vitest';
import { plant, ROOT } from './files.ts';
import { checkOpenings } from './openings.ts';

const check = (path: string, text: string): string[] =>
  checkOpenings(plant({ [path]: text }), ['.']);

test.each([
  ['a.ts', '// SPDX-License-Identifier: MIT\n// a - does things\n'],
  ['a.test.ts', '// SPDX-License-Identifier: MIT\n// a.test - checks things'],
  ['a.h', '/* SPDX-License-Identifier: MIT */\n/* a.h - does things\n *\n * Theory */'],
  ['a.c', '/* SPDX-License-Identifier: MIT */\n/* a.c - does things - and more */'],
  ['a.sh', '#!/bin/sh\n# SPDX-License-Identifier: MIT\n# a.sh - does things'],
  ['sub/b.sh', '#!/bin/sh\n# SPDX-License-Identifier: MIT\n# sub/b.sh - does things'],
  ['sub/a.mjs', '#!/usr/bin/env node\n// SPDX-License-Identifier: MIT\n// a - does things'],
  ['fixtures/a.ts', 'anything'],
  ['a.md', 'anything'],
])('accepts %s: %j', (path, text) => expect(check(path, text)).toEqual([]));

test.each([
  ['', "a.ts: does not open with 'SPDX-License-Identifier: MIT'"],
  ['// a - does things', "a.ts: does not open with 'SPDX-License-Identifier: MIT'"],
  ['\n// SPDX-License-Identifier: MIT', "a.ts: does not open with 'SPDX-License-Identifier: MIT'"],
  [
    '// SPDX-License-Identifier: GPL-2.0',
    "a.ts: does not open with 'SPDX-License-Identifier: MIT'",
  ],
  ['// SPDX-License-Identifier: MIT', "a.ts: does not say 'a - role' next"],
  ['// SPDX-License-Identifier: MIT\n\n// a - role', "a.ts: does not say 'a - role' next"],
  ['// SPDX-License-Identifier: MIT\n// b - role', "a.ts: does not say 'a - role' next"],
  ['// SPDX-License-Identifier: MIT\n// a', "a.ts: does not say 'a - role' next"],
  ['// SPDX-License-Identifier: MIT\n// a - ', "a.ts: does not say 'a - role' next"],
  ['// SPDX-License-Identifier: MIT\na - role', "a.ts: does not say 'a - role' next"],
])('refuses %j', (text, message) => expect(check('a.ts', text)).toEqual([message]));

test('this repository', () => {
  const dirs = ['core', 'js', 'lwip', 'bench', 'tests', 'tools', 'web', 'examples', 'packages'];
  expect(checkOpenings(ROOT, dirs)).toEqual([]);
});
