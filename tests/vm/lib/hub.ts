// SPDX-License-Identifier: MIT
// hub - several endpoints on one network: what comes from one goes to all others

import { type FramePlug, type LinkEndpoint, plugEndpoint } from 'ringstack/link';

/** Joins endpoints. A frame for which one has no room is lost to that one, as in a hub. */
export function hub(...endpoints: LinkEndpoint[]): { close(): void } {
  const plugs: FramePlug[] = [];
  endpoints.forEach((endpoint, n) => {
    const receiver = {
      send(frame: Uint8Array): boolean {
        plugs.forEach((plug, other) => {
          if (other !== n) plug.sink.send(frame);
        });
        return true;
      },
      ready: () => Promise.resolve(),
    };
    plugs[n] = plugEndpoint(endpoint, receiver);
  });
  return {
    close() {
      for (const plug of plugs) plug.unplug();
    },
  };
}
