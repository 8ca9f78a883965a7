// SPDX-License-Identifier: MIT
// service_worker - what a page's service worker imports for bridgeServiceWorker(); its other half: js/http/page/
//
// A script of its own: without imports and exports, so that it is imported, importScripts() takes it, and it can be
// the service worker itself, as a module or not. It answers only what is below a bridged scope, and leaves the rest
// to other listeners of the script.

import type { WorkerScope } from '../http/worker/scope.ts';
import { BridgeWorker } from '../http/worker/worker.ts';

const scope = globalThis as unknown as WorkerScope;
const worker = new BridgeWorker(scope);
scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()));
scope.addEventListener('activate', (event) => event.waitUntil(worker.activated()));
scope.addEventListener('fetch', (event) => worker.fetched(event));
scope.addEventListener('message', (event) => worker.heard(event));
