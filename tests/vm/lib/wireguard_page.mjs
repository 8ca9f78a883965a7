// SPDX-License-Identifier: MIT
// wireguard_page - in a page: a guest in v86 behind a tunnel over a WebSocket, and two tunnels over a data channel

import { createStack } from 'ringstack';
import { createGateway } from 'ringstack/gateway';
import { connectV86 } from 'ringstack/v86';
import { createWireGuard, generateKey, publicKey } from 'ringstack-wireguard';
import { startGuest } from './v86_start.mjs';

const opened = (target, name) => new Promise((resolve) => target.addEventListener(name, resolve));

/** A key pair. */
export async function makeKeys() {
  const privateKey = generateKey();
  return { privateKey, publicKey: await publicKey(privateKey) };
}

/**
 * A guest whose way out is a tunnel.
 *
 * @param setting - `guest`, with URLs of its files; `relay`, a URL; `privateKey`, `ip` and `peer` of the tunnel; `gateway` of the guest.
 */
export async function openGuestBehindTunnel({ guest: urls, relay, privateKey, ip, peer, gateway }) {
  const load = async (url) => (await fetch(url)).arrayBuffer();
  const [bios, vgaBios, state] = await Promise.all([urls.bios, urls.vgaBios, urls.state].map(load));
  const socket = new WebSocket(relay);
  await opened(socket, 'open');
  const tunnel = await createStack();
  const wg = await createWireGuard(tunnel, { privateKey, ip, transport: socket, peers: [peer] });
  const lan = await createStack();
  const { emulator, serial } = await startGuest({ ...urls, bios, vgaBios, state });
  const tap = await connectV86(lan, emulator, { ip: gateway });
  const { tcp, udp } = tunnel;
  await createGateway(tap, { tcp, udp, policy: { override: ['private'] } });
  return {
    run: (command) => serial.run(command),
    state: () => ({ peers: wg.peers(), statistics: wg.statistics }),
  };
}

/** Two ends of an unreliable data channel between two peer connections of this page. */
async function dataChannels() {
  const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
  a.onicecandidate = ({ candidate }) => candidate && b.addIceCandidate(candidate);
  b.onicecandidate = ({ candidate }) => candidate && a.addIceCandidate(candidate);
  const ours = a.createDataChannel('wireguard', { ordered: false, maxRetransmits: 0 });
  const theirs = new Promise((resolve) => {
    b.ondatachannel = ({ channel }) => resolve(channel);
  });
  const isOpen = opened(ours, 'open');
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
  await isOpen;
  return [ours, await theirs];
}

const sha256 = async (data) => {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
};

/** Sends bytes from stack to stack over a data channel. Returns hashes of what was sent and received, and what was dropped. */
export async function crossDataChannel(size) {
  const channels = await dataChannels();
  const keys = [await makeKeys(), await makeKeys()];
  const stacks = [await createStack(), await createStack()];
  const address = (n) => `10.9.0.${n + 1}`;
  const wgs = [];
  for (const n of [0, 1]) {
    wgs[n] = await createWireGuard(stacks[n], {
      privateKey: keys[n].privateKey,
      ip: `${address(n)}/24`,
      transport: channels[n],
      peers: [{ publicKey: keys[1 - n].publicKey, allowedIps: [address(1 - n)] }],
    });
  }
  const listener = await stacks[1].listenTcp({ port: 7 });
  const client = await stacks[0].connectTcp({ host: address(1), port: 7 });
  const server = await listener.accept();
  const data = Uint8Array.from({ length: size }, (_, n) => (n * 31) ^ (n >>> 8));
  const received = new Response(server.readable).arrayBuffer();
  const writer = client.writable.getWriter();
  await writer.write(data);
  await writer.close();
  const result = {
    sent: await sha256(data),
    received: await sha256(await received),
    endpoint: wgs[1].peers()[0].endpoint ?? null,
    ordered: channels[0].ordered,
    dropped: wgs.map(({ statistics }) => statistics.dropped.unauthentic),
  };
  await server.close();
  for (const stack of stacks) await stack.close();
  return result;
}
