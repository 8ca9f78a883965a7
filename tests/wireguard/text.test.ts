// SPDX-License-Identifier: MIT
// text.test - configuration files of wg-quick, and the text that wg of wireguard-tools speaks

import { EventEmitter } from 'node:events';
import {
  createWireGuard,
  generateKey,
  generatePresharedKey,
  parseConfig,
  publicKey,
  serveUapi,
} from 'ringstack-wireguard';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openStack } from '../helpers/net.ts';
import { directPair } from './tunnel.ts';

describe('parseConfig', () => {
  const [privateKey, key, secret] = [generateKey(), generateKey(), generatePresharedKey()];

  test('reads everything that means something here', () => {
    const text = `# a file
      [interface]
      PrivateKey=${privateKey} # ours
      Address = 10.0.0.1/24,fd00::1/64
      Address = 10.0.0.5
      ListenPort = 51820
      MTU = 1380
      DNS = 10.0.0.53, example.test
      Table = off
      PostUp = iptables -A FORWARD
      FwMark = 0x1

      [Peer]
      PublicKey = ${key}
      PresharedKey = ${secret}
      AllowedIPs = 10.0.0.2/32, fd00::2
      AllowedIPs = 10.1.0.0/16
      Endpoint = [fd77::1]:51820
      PersistentKeepalive = 25
      [Peer]
      PublicKey = ${privateKey}
      PersistentKeepalive = off\r\n`;
    expect(parseConfig(text)).toEqual({
      privateKey,
      ip: ['10.0.0.1/24', 'fd00::1/64', '10.0.0.5/32'],
      listenPort: 51820,
      mtu: 1380,
      dns: ['10.0.0.53', 'example.test'],
      routes: false,
      peers: [
        {
          publicKey: key,
          presharedKey: secret,
          allowedIps: ['10.0.0.2/32', 'fd00::2', '10.1.0.0/16'],
          endpoint: '[fd77::1]:51820',
          persistentKeepalive: 25,
        },
        { publicKey: privateKey, allowedIps: [], persistentKeepalive: 0 },
      ],
    });
  });

  test('gives options that createWireGuard() takes', async () => {
    const text = `[Interface]\nPrivateKey = ${privateKey}\nAddress = 10.0.0.1/24\nDNS = 10.0.0.53\n
      [Peer]\nPublicKey = ${await publicKey(key)}\nAllowedIPs = 0.0.0.0/0`;
    const options = { ...parseConfig(text), transport: directPair()[0] };
    const wg = await createWireGuard(await openStack(), options);
    onTestFinished(() => wg.close());
    expect(wg.peers()[0]?.allowedIps).toEqual(['0.0.0.0/0']);
  });

  test.each([
    ['', /no PrivateKey/],
    ['[Interface]', /no PrivateKey/],
    ['PrivateKey = x', /line 1: must be \[Interface\]/],
    ['[Interface]\nPrivateKey = x', /line 2: must be a key/],
    ['[Interface]\nColor = red', /line 2: 'color' is not known in \[Interface\]/],
    ['[Interface]\nMTU = -1', /line 2: must be a whole number/],
    ['[Interface]\nListenPort = 70000', /0 to 65535/],
    [
      `[Interface]\nPrivateKey = ${generateKey()}\n[Peer]\n`,
      /line 3: this \[Peer\] has no PublicKey/,
    ],
    ['[Peer]\nPrivateKey = x', /'privatekey' is not known in \[Peer\]/],
    ['[Interface]\nwhat', /line 2: must be/],
  ])('refuses %j', (text, message) => {
    expect(() => parseConfig(text)).toThrow(message);
    expect(() => parseConfig(text)).toThrow(/^Cannot parse the configuration of WireGuard/);
  });

  test('no message has a key in it', () => {
    const almost = `${privateKey.slice(0, 42)}`;
    let message = '';
    try {
      parseConfig(`[Interface]\nPrivateKey = ${almost}`);
    } catch (error) {
      message = String(error);
    }
    expect(message).not.toBe('');
    expect(message).not.toContain(almost.slice(0, 8));
  });
});

describe('serveUapi', () => {
  class Socket extends EventEmitter {
    text = '';
    isOpen = true;
    write(text: string): void {
      this.text += text;
      this.emit('written');
    }
    destroy(): void {
      this.isOpen = false;
      this.emit('close');
    }
    async ask(request: string): Promise<string> {
      this.text = '';
      const written = new Promise((resolve) => this.once('written', resolve));
      this.emit('data', new TextEncoder().encode(request));
      await written;
      return this.text;
    }
  }

  async function served() {
    const stack = await openStack();
    const transport = directPair()[0];
    const privateKey = generateKey();
    const wg = await createWireGuard(stack, { privateKey, transport, ip: '10.9.0.1/24' });
    onTestFinished(() => wg.close());
    const server = new EventEmitter();
    const stop = serveUapi(wg, server);
    const socket = new Socket();
    server.emit('connection', socket);
    return { wg, socket, stop, server };
  }
  const hex = (key: string): string => Buffer.from(key, 'base64').toString('hex');

  test('sets peers and shows them', async () => {
    const { wg, socket } = await served();
    const [one, other] = [await publicKey(generateKey()), await publicKey(generateKey())];
    const secret = generatePresharedKey();
    const set = [
      'set=1',
      `public_key=${hex(one)}`,
      `preshared_key=${hex(secret)}`,
      'endpoint=192.0.2.1:51820',
      'persistent_keepalive_interval=25',
      'replace_allowed_ips=true',
      'allowed_ip=10.1.0.0/16',
      'allowed_ip=fd01::/64',
      `public_key=${hex(other)}`,
      'allowed_ip=10.2.0.0/16',
    ];
    expect(await socket.ask(`${set.join('\n')}\n\n`)).toBe('errno=0\n\n');
    const text = await socket.ask('get=1\n\n');
    expect(text).toContain(
      [
        `public_key=${hex(one)}`,
        `preshared_key=${hex(secret)}`,
        'endpoint=192.0.2.1:51820',
        'last_handshake_time_sec=0',
      ].join('\n'),
    );
    expect(text).toMatch(
      /persistent_keepalive_interval=25\nallowed_ip=10.1.0.0\/16\nallowed_ip=fd/,
    );
    expect(text.endsWith('protocol_version=1\nerrno=0\n\n')).toBe(true);
    const change = [
      'set=1',
      `public_key=${hex(one)}`,
      'update_only=true',
      'allowed_ip=10.3.0.0/16',
    ];
    expect(await socket.ask(`${change.join('\n')}\n\n`)).toBe('errno=0\n\n');
    expect(wg.peers()[0]?.allowedIps).toEqual(['10.1.0.0/16', 'fd01::/64', '10.3.0.0/16']);
    const absent = hex(await publicKey(generateKey()));
    await socket.ask(`set=1\npublic_key=${absent}\nupdate_only=true\nallowed_ip=10.4.0.0/16\n\n`);
    await socket.ask(`set=1\npublic_key=${hex(other)}\nremove=true\n\n`);
    expect(wg.peers().map((peer) => peer.publicKey)).toEqual([one]);
    const key = generateKey();
    expect(await socket.ask(`set=1\nprivate_key=${hex(key)}\nreplace_peers=true\n\n`)).toBe(
      'errno=0\n\n',
    );
    expect([wg.publicKey, wg.peers()]).toEqual([await publicKey(key), []]);
  });

  test.each([
    ['what=1', -22],
    ['set=1\nlisten_port=5', -95],
    ['set=1\nprivate_key=00', -22],
    ['set=1\ncolor=red', -22],
    [`set=1\npublic_key=${'0'.repeat(64)}`, -22],
    [`set=1\npublic_key=${'1'.repeat(64)}\nallowed_ip=10.0.0.0/99`, -22],
    [`set=1\npublic_key=${'1'.repeat(64)}\npersistent_keepalive_interval=70000`, -22],
    [`set=1\npublic_key=${'1'.repeat(64)}\nprotocol_version=2`, -22],
  ])('answers %j with errno %i', async (request, errno) => {
    const { socket, wg } = await served();
    expect(await socket.ask(`${request}\n\n`)).toBe(`errno=${errno}\n\n`);
    expect(wg.peers()).toEqual([]);
  });

  test('takes requests in pieces and several at once, and ends one without an end', async () => {
    const { socket, stop, server } = await served();
    socket.emit('data', Buffer.from('get=1\n'));
    expect(await socket.ask('\n')).toMatch(/errno=0\n\n$/);
    const flood = new Socket();
    server.emit('connection', flood);
    flood.emit('data', Buffer.alloc(5 * 1024 * 1024, 'x'));
    expect(flood.isOpen).toBe(false);
    stop();
    expect(socket.isOpen).toBe(false);
  });
});
