// SPDX-License-Identifier: MIT
// uapi - the cross-platform interface of WireGuard: what `wg` of wireguard-tools speaks over a socket
//
// A request is lines of name=value up to an empty one. `get=1` is answered with the state; `set=1` is followed by
// changes, each peer's after its public_key. Both end with errno=, 0 or negative. The socket
// gives all keys away: its file must be for its owner alone.

import { NetError } from '../../../js/errors.ts';
import { insideOf } from './inside.ts';
import { formatKey, readKey } from './keys.ts';
import type { WireGuardInterface, WireGuardPeer } from './types.ts';

/** As much of a socket of node:net as is used. */
interface UapiSocket {
  /** See node:net. */
  on(event: 'data', listener: (data: Uint8Array) => void): unknown;
  /** See node:net. */
  on(event: 'error' | 'close', listener: () => void): unknown;
  /** See node:net. */
  write(text: string): unknown;
  /** See node:net. */
  destroy(): unknown;
}

/**
 * As much of a server of node:net as is used.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:net';
 * import type { UapiServer } from 'ringstack-wireguard';
 *
 * const server: UapiServer = createServer();
 * ```
 */
export interface UapiServer {
  /**
   * Has a function called for each connection.
   *
   * @param event - `connection`.
   * @param listener - Takes a socket of node:net.
   * @returns Not used.
   * @throws Never.
   */
  on(event: 'connection', listener: (socket: object) => void): unknown;
  /**
   * Undoes on().
   *
   * @param event - `connection`.
   * @param listener - As for on().
   * @returns Not used.
   * @throws Never.
   */
  off(event: 'connection', listener: (socket: object) => void): unknown;
}

/** Of errno. */
const EINVAL = 22;
const EIO = 5;
const EOPNOTSUPP = 95;
/** Characters of a request at the most. */
const LONGEST = 4 * 1024 * 1024;

class Refusal extends Error {
  readonly errno: number;
  constructor(errno: number) {
    super();
    this.errno = errno;
  }
}

const toHex = (key: Uint8Array): string =>
  [...key].map((byte) => byte.toString(16).padStart(2, '0')).join('');

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[\da-f]{64}$/i.test(text)) throw new Refusal(EINVAL);
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

const keyHex = (key: string): string => toHex(readKey('Cannot show', 'key', key));

/** The lines of `get=1`. */
function stateOf(wg: WireGuardInterface): string[] {
  const inside = insideOf(wg);
  if (!inside) throw new Refusal(EIO);
  const lines = [`private_key=${toHex(inside.privateKey())}`, `listen_port=${wg.listenPort ?? 0}`];
  for (const peer of wg.peers()) {
    const { endpoint, latestHandshake = 0 } = peer;
    const host = endpoint?.host.includes(':') ? `[${endpoint.host}]` : endpoint?.host;
    lines.push(
      `public_key=${keyHex(peer.publicKey)}`,
      `preshared_key=${toHex(inside.presharedKey(peer.publicKey))}`,
      ...(endpoint ? [`endpoint=${host}:${endpoint.port}`] : []),
      `last_handshake_time_sec=${Math.floor(latestHandshake / 1000)}`,
      `last_handshake_time_nsec=${(latestHandshake % 1000) * 1_000_000}`,
      `tx_bytes=${peer.txBytes}`,
      `rx_bytes=${peer.rxBytes}`,
      `persistent_keepalive_interval=${peer.persistentKeepalive}`,
      ...peer.allowedIps.map((cidr) => `allowed_ip=${cidr}`),
    );
  }
  return [...lines, 'protocol_version=1'];
}

/** The part of `set=1` about a peer. */
interface PeerChange {
  readonly publicKey: string;
  remove: boolean;
  updateOnly: boolean;
  replaceAllowed: boolean;
  readonly allowed: string[];
  presharedKey?: string;
  endpoint?: string;
  persistentKeepalive?: number;
}

function whole(value: string, most: number): number {
  if (!/^\d{1,9}$/.test(value) || Number(value) > most) throw new Refusal(EINVAL);
  return Number(value);
}

/** One line of a peer. */
function changePeer(peer: PeerChange, name: string, value: string): void {
  if (name === 'remove') peer.remove = value === 'true';
  else if (name === 'update_only') peer.updateOnly = value === 'true';
  else if (name === 'preshared_key') peer.presharedKey = formatKey(fromHex(value));
  else if (name === 'endpoint') peer.endpoint = value;
  else if (name === 'persistent_keepalive_interval') {
    peer.persistentKeepalive = whole(value, 65535);
  } else if (name === 'replace_allowed_ips') peer.replaceAllowed = value === 'true';
  else if (name === 'allowed_ip') peer.allowed.push(value);
  else if (name !== 'protocol_version' || value !== '1') throw new Refusal(EINVAL);
}

async function applyPeer(wg: WireGuardInterface, change: PeerChange): Promise<void> {
  const { publicKey, presharedKey, endpoint, persistentKeepalive } = change;
  const known = wg.peers().find((peer) => peer.publicKey === publicKey);
  if (change.remove) return wg.removePeer(publicKey);
  if (!known && change.updateOnly) return;
  const kept = change.replaceAllowed ? [] : (known?.allowedIps ?? []);
  const peer: WireGuardPeer = {
    publicKey,
    allowedIps: [...kept, ...change.allowed],
    ...(presharedKey === undefined ? {} : { presharedKey }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(persistentKeepalive === undefined ? {} : { persistentKeepalive }),
  };
  await wg.setPeer(peer);
}

/** Carries out `set=1`: first all lines are read, then everything changes. */
async function change(wg: WireGuardInterface, lines: readonly string[]): Promise<void> {
  const peers: PeerChange[] = [];
  let privateKey: Uint8Array | undefined;
  let replaces = false;
  for (const line of lines) {
    const [, name = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
    const peer = peers.at(-1);
    if (name === 'public_key') {
      const publicKey = formatKey(fromHex(value));
      const flags = { remove: false, updateOnly: false, replaceAllowed: false };
      peers.push({ publicKey, ...flags, allowed: [] });
    } else if (peer) changePeer(peer, name, value);
    else if (name === 'private_key') privateKey = fromHex(value);
    else if (name === 'replace_peers') replaces = value === 'true';
    else if (name === 'listen_port') {
      // The socket is the program's: its port stays.
      if (whole(value, 65535) !== wg.listenPort) throw new Refusal(EOPNOTSUPP);
    } else if (name !== 'fwmark') throw new Refusal(EINVAL);
  }
  if (privateKey) await wg.setPrivateKey(privateKey);
  if (replaces) for (const { publicKey } of wg.peers()) await wg.removePeer(publicKey);
  for (const peer of peers) await applyPeer(wg, peer);
}

async function answer(wg: WireGuardInterface, request: string): Promise<string> {
  const [first, ...lines] = request.split('\n');
  try {
    let state: string[] = [];
    if (first === 'get=1') state = stateOf(wg);
    else if (first === 'set=1') await change(wg, lines);
    else throw new Refusal(EINVAL);
    return [...state, 'errno=0', '', ''].join('\n');
  } catch (error) {
    const isBad = error instanceof NetError && error.code === 'EINVAL';
    const errno = error instanceof Refusal ? error.errno : isBad ? EINVAL : EIO;
    return `errno=-${errno}\n\n`;
  }
}

/**
 * Answers `wg show`, `wg set` and their like of wireguard-tools. They look for a socket at `/var/run/wireguard/NAME.sock`, which
 * the program makes and keeps for its owner alone: it gives all keys away.
 *
 * @param wg - The interface.
 * @param server - A server of node:net that listens there.
 * @returns A function that stops it and ends its connections; the server itself stays open.
 * @throws Never.
 * @example
 * ```ts
 * import { createServer } from 'node:net';
 * import { serveUapi, type WireGuardInterface } from 'ringstack-wireguard';
 *
 * function show(wg: WireGuardInterface): () => void {
 *   const server = createServer();
 *   process.umask(0o077);
 *   server.listen('/var/run/wireguard/wg0.sock');
 *   return serveUapi(wg, server);
 * }
 * ```
 */
export function serveUapi(wg: WireGuardInterface, server: UapiServer): () => void {
  const sockets = new Set<UapiSocket>();
  const accept = (connection: object): void => {
    const socket = connection as UapiSocket;
    const decoder = new TextDecoder();
    let text = '';
    let turn = Promise.resolve();
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (data) => {
      text += decoder.decode(data, { stream: true });
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const request = text.slice(0, end);
        text = text.slice(end + 2);
        turn = turn.then(async () => {
          const reply = await answer(wg, request);
          if (sockets.has(socket)) socket.write(reply);
        });
      }
      if (text.length > LONGEST) socket.destroy();
    });
  };
  server.on('connection', accept);
  return () => {
    server.off('connection', accept);
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
}
