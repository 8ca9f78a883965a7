// SPDX-License-Identifier: MIT
// fake_tls - a TLS provider that secures nothing: a handshake of one line each way, then every byte with its bits turned
//
// So a test sees that bytes went through it, and what it was asked for.

import type { StreamConnection, TlsProvider } from 'ringstack/http';

const turn = (chunk: Uint8Array): Uint8Array => chunk.map((byte) => byte ^ 0xff);

/** Reads to the end of a line; what follows is given back. */
async function readLine(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<{ line: string; rest: Uint8Array }> {
  const bytes: number[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error('The handshake was cut short');
    const at = value.indexOf(10);
    bytes.push(...value.subarray(0, at < 0 ? value.length : at));
    if (at >= 0) return { line: String.fromCharCode(...bytes), rest: value.subarray(at + 1) };
  }
}

/** Exchanges lines, and returns the connection behind. */
async function handshake(
  connection: StreamConnection,
  hello: string | undefined,
  answer: (line: string) => string,
): Promise<{ secured: StreamConnection; heard: string }> {
  const reader = connection.readable.getReader();
  const writer = connection.writable.getWriter();
  const say = (line: string) => writer.write(new TextEncoder().encode(`${line}\n`));
  if (hello !== undefined) await say(hello);
  const { line, rest } = await readLine(reader);
  const said = hello === undefined ? answer(line) : '';
  if (hello === undefined) await say(said);
  const secured: StreamConnection = {
    readable: new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          if (rest.length > 0) controller.enqueue(turn(rest));
        },
        pull: async (controller) => {
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(turn(value));
        },
      },
      { highWaterMark: 0 },
    ),
    writable: new WritableStream<Uint8Array>({
      write: (chunk) => writer.write(turn(chunk)),
      close: () => writer.close(),
    }),
    localAddress: connection.localAddress ?? '',
    localPort: connection.localPort ?? 0,
    remoteAddress: connection.remoteAddress ?? '',
    remotePort: connection.remotePort ?? 0,
    alpn: (hello === undefined ? said : line).split(' ')[1] ?? '',
    close: () => connection.close(),
    abort: (reason) => connection.abort?.(reason),
  };
  return { secured, heard: line };
}

/** The provider, and the names that clients asked for. */
export function fakeTls(): TlsProvider & { readonly names: string[] } {
  const names: string[] = [];
  return {
    names,
    connect: async (connection, { host, alpn }) => {
      const { secured, heard } = await handshake(connection, `${host} ${alpn[0] ?? '-'}`, () => '');
      if (!heard.startsWith('ok')) throw new Error(`The handshake failed: ${heard}`);
      return secured;
    },
    accept: async (connection) => {
      const { secured } = await handshake(connection, undefined, (line) => {
        const [name = '', alpn = ''] = line.split(' ');
        names.push(name);
        return name === 'wrong.name' ? 'no' : `ok ${alpn}`;
      });
      return secured;
    },
  };
}
