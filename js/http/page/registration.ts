// SPDX-License-Identifier: MIT
// registration - the service worker of the page: registered, and waited for until it is active

import { NetError } from '../../errors.ts';
import { untilAborted } from '../../util/abort.ts';

const ACTION = 'Cannot bridge to a service worker';

/**
 * Refuses to run where there are no service workers: they are in pages alone, and in secure contexts.
 *
 * @throws {NetError} ENOTSUP.
 */
export function requirePage(): void {
  const { navigator, document } = globalThis;
  if (document && navigator?.locks && 'serviceWorker' in navigator) return;
  const reason = 'it takes a page with service workers: of https: or of localhost';
  throw new NetError('ENOTSUP', ACTION, { reason });
}

/**
 * Registers a worker, unless it is one already.
 *
 * @param worker - URL of its script, or a registration.
 * @returns The registration.
 * @throws {NetError} ENOENT if there is no such script, or it fails.
 */
export async function registrationOf(
  worker: string | URL | ServiceWorkerRegistration,
): Promise<ServiceWorkerRegistration> {
  const { serviceWorker: workers } = navigator;
  if (typeof worker === 'object' && 'active' in worker) return worker;
  const url = new URL(worker, document.baseURI);
  try {
    return await workers.register(url, { type: 'module' });
  } catch {
    // A browser without workers that are modules takes the file of the package as it is.
  }
  try {
    return await workers.register(url);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new NetError('ENOENT', `${ACTION} of ${url.href}`, { reason, cause });
  }
}

/**
 * Waits for the active worker of a registration.
 *
 * @param registration - The registration.
 * @param signal - Gives up with its reason.
 * @returns The worker, as soon as there is one.
 * @throws {NetError} ECONNABORTED if none comes.
 */
export function activeOf(
  registration: ServiceWorkerRegistration,
  signal: AbortSignal,
): Promise<ServiceWorker> {
  const { active } = registration;
  if (active) return Promise.resolve(active);
  const coming = registration.installing ?? registration.waiting;
  const activated = new Promise<ServiceWorker>((resolve, reject) => {
    const fail = (): void => {
      const reason = 'its script failed when it was installed';
      reject(new NetError('ECONNABORTED', ACTION, { reason }));
    };
    const look = (): void => {
      if (registration.active) resolve(registration.active);
      else if (!coming || coming.state === 'redundant') fail();
    };
    coming?.addEventListener('statechange', look);
    look();
  });
  return untilAborted(activated, signal);
}
