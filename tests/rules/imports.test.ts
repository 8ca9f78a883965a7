// SPDX-License-Identifier: MIT
// imports.test - imports and includes point down only (DESIGN.md section 6)

import { describe, expect, test } from 'vitest';
import { plant, ROOT } from './files.ts';
import {
  checkCIncludes,
  checkIndex,
  checkJsImports,
  checkPackageImports,
  type EdgeRules,
} from './imports.ts';
import {
  C_EDGES,
  C_SYSTEM,
  JS_EDGES,
  JS_EXTERNAL,
  LWIP_USERS,
  NODE_PACKAGES,
  PACKAGE_IMPORTS,
} from './rules.ts';

const house: EdgeRules = {
  jsEdges: JS_EDGES,
  jsExternal: JS_EXTERNAL,
  cEdges: C_EDGES,
  cSystem: C_SYSTEM,
  lwipUsers: LWIP_USERS,
};

const small: EdgeRules = {
  jsEdges: { low: [], mid: ['low'], 'top*': ['mid', 'type low', 'sub/*'], 'sub/*': ['sub/*'] },
  jsExternal: { 'sub/*': ['node:*'] },
  cEdges: { abi: [], ring: ['abi'], 'sock/*': ['ring', 'sock/*'] },
  cSystem: { abi: ['stdint.h'] },
  lwipUsers: ['sock/*'],
};

const js = (files: Record<string, string>): string[] => checkJsImports(plant(files), small);
const c = (files: Record<string, string>): string[] => checkCIncludes(plant(files), small);

describe('checkJsImports', () => {
  test('accepts every allowed form, and examples in comments', () => {
    const files = {
      'js/low.ts': "/** import { x } from './mid.ts' */\nexport const x = 1;\nexport type T = 1;",
      'js/mid.ts': "import * as low from './low.ts';\nexport { x } from './low.ts';\nlow;",
      'js/top_a.ts':
        "import type { T } from './low.ts';\nimport { type T as U } from './low.ts';\n" +
        "import './mid.ts';\nlet t: import('./low.ts').T | T | U;\n" +
        "new URL('./sub/worker.ts', import.meta.url);\nnew URL('x.wasm', import.meta.url);",
      'js/sub/worker.ts': "import 'node:fs';\nimport './other.ts';",
      'js/sub/other.ts': '',
    };
    expect(js(files)).toEqual([]);
  });

  test.each([
    ['low', "import './mid.ts';", 'imports ./mid.ts, which does not point down'],
    ['low', "export * from './mid.ts';", 'imports ./mid.ts, which does not point down'],
    ['low', "await import('./mid.ts');", 'imports ./mid.ts, which does not point down'],
    ['low', "type T = import('./mid.ts').T;", 'imports ./mid.ts, which does not point down'],
    ['low', "new URL('./mid.ts', import.meta.url);", 'imports ./mid.ts, which does not point down'],
    ['top', "import { x } from './low.ts';", 'imports ./low.ts, which does not point down'],
    ['top', "import { x, type T } from './low.ts';", 'imports ./low.ts, which does not point down'],
    ['mid', "import 'node:fs';", 'imports node:fs, which is not allowed here'],
    ['mid', "import '../tests/x.ts';", 'imports ../tests/x.ts, which is outside js/'],
    ['mid', "import './low';", 'imports ./low, which does not exist'],
  ])('%s: %s', (name, line, message) => {
    const files = { 'js/low.ts': '', 'js/mid.ts': '', [`js/${name}.ts`]: `\n${line}` };
    expect(js(files)).toContain(`js/${name}.ts:2: ${message}`);
  });

  test('a module that is not in the table', () => {
    expect(js({ 'js/new.ts': '' })).toEqual(['js/new.ts: not in the table of allowed imports']);
  });

  test('a cycle between modules that may import each other', () => {
    const files = {
      'js/sub/a.ts': "import './b.ts';",
      'js/sub/b.ts': "import type {} from './a.ts';",
    };
    expect(js(files)).toEqual(['cycle: sub/a -> sub/b -> sub/a']);
  });
});

describe('checkIndex', () => {
  test('accepts re-exports', () => {
    const text = "// x\nexport { a } from './a.ts';\nexport type * from './types.ts';";
    expect(checkIndex(plant({ 'js/index.ts': text }))).toEqual([]);
  });

  test.each(["import './a.ts';", 'export const x = 1;', 'export {};'])('refuses %s', (line) => {
    const root = plant({ 'js/index.ts': `\n${line}` });
    expect(checkIndex(root)).toEqual(['js/index.ts:2: is not a re-export']);
  });
});

describe('checkCIncludes', () => {
  test('accepts every allowed form, and includes in comments', () => {
    const files = {
      'core/abi.h': '/* #include "ring.h" */\n// #include <stdio.h>\n#include <stdint.h>',
      'core/ring.h': '#include "abi.h"\n#include <string.h>',
      'core/ring.c': '#include "ring.h"\n# include "abi.h"',
      'core/sock/tcp.c':
        '#include "lwip/tcp.h"\n#include <netif/ethernet.h>\n#include "sock/sock.h"',
      'core/sock/sock.h': '#include "ring.h"',
    };
    expect(c(files)).toEqual([]);
  });

  test.each([
    ['abi.h', '#include <stdio.h>', 'includes stdio.h, which is not one of its system headers'],
    ['abi.h', '  #  include "ring.h"', 'includes ring.h, which does not point down'],
    ['ring.c', '#include "lwip/tcp.h"', 'includes lwip/tcp.h, which is lwIP'],
    ['ring.c', '#include <netif/ppp.h>', 'includes netif/ppp.h, which is lwIP'],
    ['ring.c', '#include "sock/sock.h"', 'includes sock/sock.h, which does not point down'],
  ])('%s: %s', (name, line, message) => {
    expect(c({ [`core/${name}`]: `\n${line}` })).toEqual([`core/${name}:2: ${message}`]);
  });

  test('a file that is not in the table', () => {
    expect(c({ 'lwip/arch/cc.h': '' })).toEqual([
      'lwip/arch/cc.h: not in the table of allowed includes',
    ]);
  });

  test('a cycle through headers and sources', () => {
    const files = {
      'core/sock/sock.h': '',
      'core/sock/sock.c': '#include "sock/tcp.h"',
      'core/sock/tcp.c': '#include "sock/sock.h"',
    };
    expect(c(files)).toEqual(['cycle: sock/sock -> sock/tcp -> sock/sock']);
  });
});

test('a package imports itself, the public API, and small helpers', () => {
  const root = plant({
    'js/util/a.ts': '',
    'js/stack/b.ts': '',
    'packages/p/js/c.ts': '',
    'packages/p/js/d.ts': [
      "import './c.ts';",
      "import '../../../js/util/a.ts';",
      "import 'ringstack/link';",
      "import '../../../js/stack/b.ts';",
      "import 'node:fs';",
    ].join('\n'),
  });
  const stack = 'packages/p/js/d.ts:4: imports ../../../js/stack/b.ts, which is not allowed here';
  const node = 'packages/p/js/d.ts:5: imports node:fs, which is not allowed here';
  expect(checkPackageImports(root, PACKAGE_IMPORTS, ['packages/q'])).toEqual([stack, node]);
  expect(checkPackageImports(root, PACKAGE_IMPORTS, ['packages/p'])).toEqual([stack]);
});

describe('this repository', () => {
  test.each([
    ['sock/tcp_rings', 'sock/tcp_data'],
    ['sock/tcp_data', 'sock/tcp'],
    ['sock/tcp', 'sock/tcp_open'],
    ['sock/sock', 'sock/tcp'],
    ['sock/sock_event', 'sock/protocol'],
    ['iface/iface', 'sock/sock'],
    ['lwext/timers', 'sock/sock'],
    ['sock/protocol', 'command'],
    ['channel', 'iface/iface'],
  ])('%s does not see %s', (name, upper) => {
    const root = plant({ [`core/${name}.c`]: `#include "${upper}.h"` });
    expect(checkCIncludes(root, house)).toEqual([
      `core/${name}.c:1: includes ${upper}.h, which does not point down`,
    ]);
  });
  test('js/ imports downwards only', () => expect(checkJsImports(ROOT, house)).toEqual([]));
  test('packages/ use what is public', () => {
    expect(checkPackageImports(ROOT, PACKAGE_IMPORTS, NODE_PACKAGES)).toEqual([]);
  });
  test('js/index.ts only re-exports', () => expect(checkIndex(ROOT)).toEqual([]));
  test('C includes downwards only', () => expect(checkCIncludes(ROOT, house)).toEqual([]));
});
