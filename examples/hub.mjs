// SPDX-License-Identifier: MIT
// hub - several endpoints on one network: what comes from one goes to all others; for Node and pages
//
// usage: node examples/hub.mjs      (three stacks on one hub), or import { hub } from it
// @ts-check
import { createStack } from 'ringstack';
import { plugEndpoint } from 'ringstack/link';

/**
 * Joins endpoints. A frame for which one has no room is lost to that one, as in a hub.
 *
 * @param {import('ringstack/link').LinkEndpoint[]} endpoints - Network cards of VMs, interfaces of stacks.
 * @returns A function that takes them apart again.
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

/** Three stacks: one answers, two ask. */
async function demo() {
  const stacks = await Promise.all([createStack(), createStack(), createStack()]);
  const taps = await Promise.all(
    stacks.map((stack, n) => stack.createTapInterface({ ip: `10.0.0.${n + 1}/24` })),
  );
  const network = hub(...taps);
  const [server, ...clients] = stacks;
  const listener = await server.listenTcp({ port: 7 });
  void (async () => {
    for await (const connection of listener) connection.readable.pipeTo(connection.writable);
  })();
  for (const client of clients) {
    const connection = await client.connectTcp({ host: '10.0.0.1', port: 7 });
    const writer = connection.writable.getWriter();
    await writer.write(new TextEncoder().encode(`hello from ${connection.localAddress}`));
    await writer.close();
    console.log(`10.0.0.1 echoes: ${await new Response(connection.readable).text()}`);
  }
  await Promise.all(stacks.map((stack) => stack.close()));
  network.close();
}

// Imported, it only has hub().
if (globalThis.process?.argv[1]?.endsWith('hub.mjs')) await demo();
