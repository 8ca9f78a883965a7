// SPDX-License-Identifier: MIT
// kernel_tap - Linux's kernel as the neighbour: curl asks an HTTP server that lives on a stack of ours
//
// usage: node examples/kernel_tap.mjs          (Linux, as root; needs curl, ip and, the first time, a C compiler)
//
// The device is in a network namespace made for it, so that nothing of the machine's network changes.
// @ts-check
import { execFile, execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { createStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { openTap } from 'ringstack/tap';

if (process.platform !== 'linux' || process.getuid?.() !== 0) {
  console.log('This needs Linux and root: a tap device takes CAP_NET_ADMIN');
  process.exit();
}

const namespace = `ringstack-${process.pid}`;
/** @param {string} words */
const ip = (words) => execFileSync('ip', words.split(' '), { stdio: 'inherit' });

ip(`netns add ${namespace}`);
try {
  // The kernel's end of the cable: a device that is up, and an address for it.
  const device = await openTap({ namespace, name: 'tap0' });
  ip(`-n ${namespace} addr add 10.0.0.1/24 dev ${device.name}`);
  console.log(`kernel: ${device.name}, MTU ${device.mtu}`);

  // Ours.
  const stack = await createStack();
  const link = connect(await stack.createTapInterface({ ip: '10.0.0.2/24' }), device);
  const web = createServer(({ method, url, headers }, response) => {
    console.log(`server: ${method} ${url} from ${headers['user-agent']?.split('/')[0]}`);
    response.end('Hello from a stack in JavaScript\n');
  });
  const listener = await stack.listenTcp({ port: 80 });
  void (async () => {
    for await (const connection of listener) {
      web.emit('connection', Duplex.fromWeb(/** @type {any} */ (connection)));
    }
  })();

  const args = ['netns', 'exec', namespace, 'curl', '-sS', '-m', '20', 'http://10.0.0.2/hello'];
  const { stdout } = await promisify(execFile)('ip', args);
  console.log(`curl: ${stdout.trim()}`);

  const { aToB, bToA } = link.statistics;
  console.log(`frames: ${aToB.frames > 0 && bToA.frames > 0 ? 'both ways' : 'lost'}`);
  await stack.close();
  await device.close(); // and the kernel has no tap0 any more
} finally {
  ip(`netns delete ${namespace}`);
}
