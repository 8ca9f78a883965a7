// SPDX-License-Identifier: MIT
// sw - the service worker of the page, as a user writes it
import '/ringstack/workers/service_worker.js';
