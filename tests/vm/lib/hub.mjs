// SPDX-License-Identifier: MIT
// hub - several endpoints on one network: what comes from one goes to all others; Node and pages

import { plugEndpoint } from 'ringstack/link';

/**
 * Joins endpoints. A frame for which one has no room is lost to that one, as in a hub.
 *
 * @param {import('ringstack/link').LinkEndpoint[]} endpoints - Cards and interfaces.
 */
export function hub(...endpoints) {
  /** @type {import('ringstack/link').FramePlug[]} */
  const plugs = [];
  endpoints.forEach((endpoint, n) => {
    plugs[n] = plugEndpoint(endpoint, {
      send(frame) {
        plugs.forEach((plug, other) => {
          if (other !== n) plug.sink.send(frame);
        });
        return true;
      },
      ready: () => Promise.resolve(),
    });
  });
  return {
    close() {
      for (const plug of plugs) plug.unplug();
    },
  };
}
