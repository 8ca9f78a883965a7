// SPDX-License-Identifier: MIT
// gateway_proxy.test - connections of guests through an HTTP proxy, beside those that fetch() serves

import type { NetworkStack } from 'ringstack';
import { fetchHttp, type GatewayOptions, httpProxy } from 'ringstack/gateway';
import { describe, expect, test } from 'vitest';
import { FAR, gatewayNetwork, letKnow } from '../helpers/gateway.ts';
import { answerBy, Wire } from '../helpers/http.ts';
import { outcome, until } from '../helpers/net.ts';

describe('other ports', () => {
  test('are refused without a proxy', async () => {
    const net = await gatewayNetwork({ tcp: fetchHttp() });
    const ends = outcome(net.guest.connectTcp({ host: FAR[4], port: 443 }));
    expect(await ends).toBe('ECONNREFUSED');
    expect(net.events[0]).toMatchObject({ kind: 'fail' });
  });

  /** A proxy at port 3128 of the stack outside, which answers by the function. */
  async function proxied(answer: (head: string, wire: Wire) => Promise<unknown>) {
    const make = (outside: NetworkStack): GatewayOptions => {
      void answerBy(outside, async (wire) => answer(await wire.hear('\r\n\r\n'), wire), 3128);
      const proxy = httpProxy({
        transport: outside.tcp,
        host: '127.0.0.1',
        port: 3128,
        authorization: 'Basic eA==',
      });
      return { tcp: fetchHttp({ proxy }) };
    };
    const net = await gatewayNetwork(make);
    letKnow(net, 'secure.example');
    return net;
  }

  test('go through a proxy by CONNECT, with the name', async () => {
    let asked = '';
    const net = await proxied(async (head, wire) => {
      asked = head;
      // Bytes of the server right behind the head are the guest's.
      await wire.say('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nx: y\r\n\r\nhello ');
      await wire.hear('guest');
      await wire.say('and back');
      await wire.hangUp();
    });
    const wire = new Wire(await net.guest.connectTcp({ host: FAR[4], port: 443 }));
    await wire.hear('hello ');
    await wire.say('guest');
    expect(await wire.rest()).toBe('and back');
    expect(asked).toBe(
      'CONNECT secure.example:443 HTTP/1.1\r\nhost: secure.example:443\r\n' +
        'proxy-authorization: Basic eA==\r\n\r\n',
    );
    await wire.hangUp();
    await until(() => net.gateway.statistics.tcpFlows === 0);
  });

  test.each([
    ['HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', 'EHOSTUNREACH'],
    ['HTTP/1.1 504 Gateway Timeout\r\n\r\n', 'EHOSTUNREACH'],
    ['HTTP/1.1 400 Bad Request\r\n\r\n', 'ECONNREFUSED'],
    ['SSH-2.0\r\n\r\n', 'EHOSTUNREACH'],
    ['', 'ECONNREFUSED'],
  ])('whose proxy answers %j are %s', async (answer, code) => {
    const net = await proxied(async (_, wire) => {
      if (answer) await wire.say(answer);
      await wire.hangUp();
    });
    const ends = outcome(net.guest.connectTcp({ host: FAR[4], port: 443, timeout: 20_000 }));
    expect(await ends).toBe(code);
    await until(() => net.gateway.statistics.tcpFlows === 0);
  });

  test('have no way to put a line into what the proxy is told', async () => {
    const net = await proxied(async (_, wire) => wire.say('HTTP/1.1 200 OK\r\n\r\n'));
    const way = httpProxy({ transport: net.outside.tcp, host: '127.0.0.1', port: 3128 });
    const bad = way.connect({ host: 'a\r\nx: y', port: 1 });
    expect(await outcome(bad)).toBe('EINVAL');
  });
});

test.each([
  [{ cors: 1 }, 'cors'],
  [{ ports: [0] }, 'ports'],
  [{ redirects: 'hide' }, 'redirects'],
  [{ maxUpload: -1 }, 'maxUpload'],
  [{ timeout: 0 }, 'timeout'],
  [{ what: 1 }, 'what'],
])('the options %j are refused', (options, option) => {
  expect(() => fetchHttp(options as never)).toThrow(option);
});

test('the options of a proxy are checked', () => {
  const transport = { connect: () => Promise.reject(new Error()) };
  expect(() => httpProxy({ transport, host: 'a' } as never)).toThrow('port');
  const options = { transport, host: 'a', port: 1, authorization: 'a\r\nb' };
  expect(() => httpProxy(options)).toThrow('authorization');
});
