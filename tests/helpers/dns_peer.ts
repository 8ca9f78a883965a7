// SPDX-License-Identifier: MIT
// dns_peer - a name server of a few lines that answers whatever a test says

import {
  type Datagram,
  DnsClient,
  type DnsClientOptions,
  type DnsMessage,
  type DnsRecord,
  type DnsServer,
  type DnsType,
  parseDnsMessage,
  serializeDnsMessage,
} from 'ringstack/dns';
import { DnsFrames, frameDns } from '../../js/codec/dns_stream.ts';
import { MemoryNetwork } from './memory_network.ts';

/** Answer of a peer: parts of a response, bytes as they are, or nothing. */
export type Said = Partial<DnsMessage> | Uint8Array | undefined;
export type Say = (
  query: DnsMessage,
  over: 'udp' | 'tcp',
  datagram?: Datagram,
) => Said | Promise<Said>;

/** Address of the host that asks, in the tests. */
export const CLIENT = '10.0.0.1';
/** Address of the first name server. */
export const SERVER = '10.0.0.53';

const reply = (query: DnsMessage, said: Exclude<Said, undefined>): Uint8Array =>
  said instanceof Uint8Array
    ? said
    : serializeDnsMessage({ id: query.id, isResponse: true, questions: query.questions, ...said });

/** Answers on port 53 of a host, over both transports. */
export async function peer(network: MemoryNetwork, host: string, say: Say): Promise<void> {
  const { udp, tcp } = network.host(host);
  const socket = await udp.open({ port: 53 });
  const writer = socket.writable.getWriter();
  void (async () => {
    for await (const datagram of socket) {
      const query = parseDnsMessage(datagram.data);
      const said = await say(query, 'udp', datagram);
      if (said) await writer.write({ ...datagram, data: reply(query, said) });
    }
  })();
  const listener = await tcp.listen?.({ port: 53 });
  void (async () => {
    for await (const connection of listener ?? []) {
      void (async () => {
        const frames = new DnsFrames();
        const out = connection.writable.getWriter();
        for await (const chunk of connection) {
          frames.push(chunk);
          for (let bytes = frames.next(); bytes; bytes = frames.next()) {
            const query = parseDnsMessage(bytes);
            const said = await say(query, 'tcp');
            if (said) await out.write(frameDns(reply(query, said)));
          }
        }
      })().catch(() => {});
    }
  })();
}

/** A network with one name server. */
export async function withPeer(say: Say): Promise<MemoryNetwork> {
  const network = new MemoryNetwork();
  await peer(network, SERVER, say);
  return network;
}

/** A record with what all have in common. */
export const record = (name: string, data: object): DnsRecord =>
  ({ name, class: 'IN', ttl: 60, ...data }) as DnsRecord;

/** The SOA beside an answer that is not there. */
export const soa = (name: string, minimum = 60): DnsRecord =>
  record(name, {
    type: 'SOA',
    mname: name,
    rname: name,
    serial: 1,
    refresh: 1,
    retry: 1,
    expire: 1,
    minimum,
  });

/** A client of a network, with the name server of the tests. */
export function clientOf(network: MemoryNetwork, options: DnsClientOptions = {}): DnsClient {
  const nameServer = { ip: SERVER };
  return new DnsClient(network.host(CLIENT), { nameServer, timeout: 2000, ...options });
}

/** A peer that knows addresses by name and type. */
export const knows =
  (names: Readonly<Record<string, string>>): Say =>
  ({ questions: [question] }) => {
    const { name = '', type = 'A' } = question ?? {};
    const ip = names[`${name} ${type}`];
    if (ip !== undefined) return { answers: [record(name, { type, ip })] };
    const exists = Object.keys(names).some((key) => key.startsWith(`${name} `));
    return { rcode: exists ? 'NOERROR' : 'NXDOMAIN', authorities: [soa('test')] };
  };

/** Asks a server as if by TCP, past any network. */
export async function ask(
  server: DnsServer,
  name: string,
  type: DnsType = 'A',
  query: Partial<DnsMessage> = {},
  transport: 'udp' | 'tcp' = 'tcp',
): Promise<DnsMessage> {
  const bytes = serializeDnsMessage({ id: 7, questions: [{ name, type }], ...query });
  return parseDnsMessage(await server.answer(bytes, { transport }));
}

/** Contents of a response, in short. */
export const short = ({ rcode, answers }: DnsMessage): string =>
  [
    rcode,
    ...answers.map((one) => `${one.type}=${'ip' in one ? one.ip : Object.values(one).at(-1)}`),
  ].join(' ');
