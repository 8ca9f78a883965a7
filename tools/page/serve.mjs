// SPDX-License-Identifier: MIT
// serve - a static web server for tests, benchmarks and the pages of web/, isolated or not
//
// usage: node tools/page/serve.mjs FOLDER [PORT] [--not-isolated]
//
// Cross-origin isolation is what gives a page SharedArrayBuffer: two response headers, sent or left out.
// Listens on loopback only unless HOST says otherwise. PORT comes before the argument; without either it is 8080.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream';
import { pathToFileURL } from 'node:url';

/** The headers that isolate a page; docs/isolation.md says what each is for. */
export const ISOLATION = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** The folder that serves a path, and the file's place in it; undefined: outside of all. */
function locate(mounts, path) {
  for (const [prefix, folder] of mounts) {
    if (!path.startsWith(prefix)) continue;
    const root = resolve(folder);
    const file = normalize(join(root, path.slice(prefix.length)));
    return file === root || file.startsWith(root + sep) ? file : undefined;
  }
  return undefined;
}

async function answer(request, response, { mounts, isolated, extra }) {
  const headers = {
    'cache-control': 'no-store',
    'cross-origin-resource-policy': 'same-origin',
    ...(isolated ? ISOLATION : {}),
    ...extra,
  };
  const refuse = (status) => response.writeHead(status, headers).end(`${status}\n`);
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405);
  const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
  let file = locate(mounts, path);
  let found = file && (await stat(file).catch(() => undefined));
  if (found?.isDirectory()) {
    file = join(file, 'index.html');
    found = await stat(file).catch(() => undefined);
  }
  if (!found?.isFile()) return refuse(404);
  response.writeHead(200, {
    ...headers,
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    'content-length': found.size,
  });
  if (request.method === 'HEAD') return response.end();
  return pipeline(createReadStream(file), response, () => {});
}

/**
 * Serves files until it is closed.
 *
 * @param options - `mounts`: folders by the beginnings of the paths they serve, as { '/': 'web' }, tried from
 *   the longest; `isolated`: whether the headers are sent (default true); `port`: 0 takes any;
 *   `host`: default 127.0.0.1; `headers`: more of them, or others, names in lower case.
 * @returns `url`, ending in a slash, and `close()`.
 */
export async function serve(options) {
  const { mounts, isolated = true, port = 0, host = '127.0.0.1', headers: extra = {} } = options;
  const sorted = Object.entries(mounts).sort(([a], [b]) => b.length - a.length);
  const server = createServer((request, response) => {
    answer(request, response, { mounts: sorted, isolated, extra }).catch(() => response.destroy());
  });
  await new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(port, host, done);
  });
  return {
    // Not 127.0.0.1: both are secure contexts, but only this one reads well.
    url: `http://localhost:${server.address().port}/`,
    close: () =>
      new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      }),
  };
}

/**
 * Serves for a person, until Ctrl-C: says where, or what to do if the port is taken.
 *
 * @param options - Those of serve(); PORT and HOST of the environment come first.
 * @param {string} shows - What is there, behind the address.
 */
export async function serveForPerson(options, shows) {
  const port = Number(process.env.PORT || options.port || 8080);
  const host = process.env.HOST || '127.0.0.1';
  try {
    const { url } = await serve({ ...options, port, host });
    console.log(`${url} ${shows}; Ctrl-C ends it`);
  } catch (error) {
    if (error.code !== 'EADDRINUSE') throw error;
    console.error(
      `Port ${port} of ${host} is in use: end what listens there, or say PORT=${port + 1}`,
    );
    process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [folder = '.', port] = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
  const isolated = !process.argv.includes('--not-isolated');
  const shows = `serves ${folder}${isolated ? '' : ', not isolated'}`;
  await serveForPerson({ mounts: { '/': folder }, isolated, port }, shows);
}
