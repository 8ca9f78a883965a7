// SPDX-License-Identifier: MIT
// vm_page.test - the parts of web/vm/ that need no browser: HTTP, the terminal, what the browser shows

import { describe, expect, test } from 'vitest';
import { frameSource } from '../../web/vm/browser_view.ts';
import { bodyLength, MessageReader, parseRequest, parseResponse } from '../../web/vm/http.ts';
import { downloadSize } from '../../web/vm/http_server.ts';
import { COLUMNS, HISTORY, ROWS, Screen } from '../../web/vm/screen.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A reader of a connection on which pieces come. */
const reading = (...pieces: string[]): MessageReader => {
  const readable = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(bytes(piece));
      controller.close();
    },
  });
  return new MessageReader({ readable } as ConstructorParameters<typeof MessageReader>[0]);
};

describe('a request', () => {
  test('has a method, a target and headers, whose names know no case', () => {
    const head = parseRequest('GET /a?b HTTP/1.1\r\nHOST: page\r\nX-A:  1 \r\nx-a: 2');
    expect(head.method).toBe('GET');
    expect(head.target).toBe('/a?b');
    expect([...head.headers]).toEqual([
      ['host', 'page'],
      ['x-a', '1, 2'],
    ]);
  });

  test('of HTTP/1.0 needs no Host', () => {
    expect(parseRequest('GET / HTTP/1.0').headers.size).toBe(0);
  });

  test.each([
    ['', 400],
    ['GET /', 400],
    ['GET  / HTTP/1.1\r\nHost: a', 400],
    ['GET / HTTP/1.1', 400],
    ['GET a HTTP/1.0', 400],
    ['GET / HTTP/2.0', 505],
    ['GET / HTTP/1.1\r\nHost: a\r\n folded', 400],
    ['GET / HTTP/1.1\r\nHost : a', 400],
    ['GET / HTTP/1.1\r\n: a', 400],
    ['GET / HTTP/1.1\r\nHost: a\nX: b', 400],
  ])('%j is refused', (head, status) => {
    expect(() => parseRequest(head)).toThrow(expect.objectContaining({ status }));
  });
});

describe('a response', () => {
  test('may have no reason', () => {
    expect(parseResponse('HTTP/1.0 200')).toMatchObject({ status: 200, reason: '' });
    expect(parseResponse('HTTP/1.1 404 Not Found')).toMatchObject({ reason: 'Not Found' });
  });

  test.each(['', 'HTTP/2 200 OK', 'HTTP/1.1 20 OK', 'SSH-2.0-x'])('%j is refused', (head) => {
    expect(() => parseResponse(head)).toThrow(/Cannot read status line/);
  });
});

describe('the length of a body', () => {
  const of = (name: string, value: string) => bodyLength(new Map([[name, value]]));
  test('may be missing, and may be said twice', () => {
    expect(bodyLength(new Map())).toBeUndefined();
    expect(of('content-length', '12')).toBe(12);
    expect(of('content-length', '12, 12')).toBe(12);
  });
  test.each(['', '-1', '1, 2', '0x10', '1e3', '9999999999999999'])('%j is none', (value) => {
    expect(() => of('content-length', value)).toThrow(expect.objectContaining({ status: 400 }));
  });
  test('is not known with a transfer coding', () => {
    expect(() => of('transfer-encoding', 'chunked')).toThrow(/transfer coding "chunked"/);
  });
});

describe('a message', () => {
  test('is read wherever it was cut', async () => {
    const whole = 'POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello and more';
    for (let cut = 1; cut < whole.length; cut++) {
      const reader = reading(whole.slice(0, cut), whole.slice(cut));
      expect(await reader.head()).toBe('POST / HTTP/1.0\r\nContent-Length: 5');
      expect(await reader.wholeBody(5, 100)).toEqual(bytes('hello'));
    }
  });

  test('without a length goes on to the end', async () => {
    const reader = reading('HTTP/1.0 200 OK\r\n\r\na', 'bc');
    await reader.head();
    expect(await reader.wholeBody(undefined, 100)).toEqual(bytes('abc'));
  });

  test('that never came is no message', async () => {
    expect(await reading().head()).toBeUndefined();
  });

  test('that ends early is an error', async () => {
    await expect(reading('GET / HT').head()).rejects.toThrow('The head ends early');
    const reader = reading('GET / HTTP/1.0\r\n\r\nabc');
    await reader.head();
    await expect(reader.wholeBody(5, 100)).rejects.toThrow('The body ends 2 bytes early');
  });

  test('that is too long is an error', async () => {
    const long = `GET /${'a'.repeat(20_000)} HTTP/1.0\r\n\r\n`;
    for (const pieces of [[long], [long.slice(0, 9000), long.slice(9000)]]) {
      await expect(reading(...pieces).head()).rejects.toMatchObject({ status: 431 });
    }
    await expect(reading('abc').wholeBody(undefined, 2)).rejects.toMatchObject({ status: 413 });
    await expect(reading('abc').wholeBody(3, 2)).rejects.toMatchObject({ status: 413 });
  });
});

test('a path says how much is to be downloaded', () => {
  expect(['/7B', '/5kB', '/20MB', '/1GB'].map(downloadSize)).toEqual([7, 5e3, 2e7, 1e9]);
  for (const path of ['/', '/2GB', '/MB', '/1mB', '/1MBx', '/99999999999B']) {
    expect(downloadSize(path)).toBeUndefined();
  }
});

describe('the terminal', () => {
  const replies: string[] = [];
  const screen = (text: string): Screen => {
    const made = new Screen((reply) => replies.push(reply));
    made.write(text);
    return made;
  };
  const lines = (text: string): string[] =>
    screen(text)
      .rows.map((runs) => runs.map((run) => run.text).join(''))
      .filter((_, y, all) => all.slice(y).some(Boolean));

  test.each([
    ['lines', 'a\r\nb', ['a', 'b']],
    ['a line that is written over', 'abc\rd', ['dbc']],
    ['a character that is taken back', 'ab\b \b', ['a']],
    ['tabs', 'a\tb', ['a       b']],
    ['a line longer than the screen', 'x'.repeat(COLUMNS + 1), ['x'.repeat(COLUMNS), 'x']],
    ['a move, and erasing to the end of the line', 'abcdef\x1b[3D\x1b[K', ['abc']],
    ['a place', '\x1b[2;3Hx', ['', '  x']],
    ['a screen that is erased', 'abc\x1b[2J\x1b[Hd', ['d']],
    ['lines that are put in and taken out', 'a\r\nb\x1b[H\x1b[2Lc\x1b[2;1H\x1b[M', ['c', 'a', 'b']],
    ['characters that are put in and taken out', 'abcd\r\x1b[2@\x1b[4C\x1b[P', ['  abd']],
    ['a title, which is not text', '\x1b]0;title\x07a\x1b]0;title\x1b\\b', ['ab']],
    ['sequences nobody knows', '\x1b[5zx\x1b(By\x1b[?2004hz', ['xyz']],
    ['what a program has drawn on the other screen', 'a\x1b[?1049hb\x1b[?1049lc', ['ac']],
  ])('shows %s', (_, text, expected) => expect(lines(text)).toEqual(expected));

  test('has colours', () => {
    const [runs] = screen('a\x1b[1;31mb\x1b[0;7mc\x1b[md').rows;
    expect(runs?.map(({ text, style }) => [text, style.fore, style.bold, style.reverse])).toEqual([
      ['a', -1, false, false],
      ['b', 1, true, false],
      ['c', -1, false, true],
      ['d', -1, false, false],
    ]);
  });

  test('keeps what leaves it at the top, up to a limit', () => {
    const text = (count: number) => Array.from({ length: count }, (_, n) => `${n}`).join('\r\n');
    const some = screen(text(ROWS + 2));
    expect(some.passed).toBe(2);
    expect(some.history(0).map(([run]) => run?.text)).toEqual(['0', '1']);
    expect(some.history(1)).toHaveLength(1);
    const many = screen(text(ROWS + HISTORY + 5));
    expect(many.passed).toBe(HISTORY + 5);
    expect(many.history(0)).toHaveLength(HISTORY);
    expect(many.history(0)[0]?.[0]?.text).toBe('5');
  });

  test('answers where the cursor is', () => {
    screen('ab\r\nc\x1b[6n');
    expect(replies).toEqual(['\x1b[2;2R']);
  });
});

describe('a document in the browser of the page', () => {
  const source = (type: string, body: string): string =>
    frameSource({
      url: 'http://guest/a?b="&c',
      status: 200,
      reason: 'OK',
      type,
      body: bytes(body),
      ms: 1,
    });
  test('may not load anything by itself, and its links start from its address', () => {
    const html = source('text/html', '<p>hi');
    expect(html).toContain("default-src 'none'");
    expect(html).toContain('<base href="http://guest/a?b=&#34;&#38;c">');
    expect(html.endsWith('<p>hi')).toBe(true);
  });
  test('that is text is shown as it is', () => {
    expect(source('text/plain', '<b>')).toContain('&#60;b&#62;');
    expect(source('application/json', '{}')).toContain('{}');
  });
  test('that is neither is named', () => {
    expect(source('image/png', 'abc')).toContain('3 B of image/png');
  });
  test('of a character set nobody knows is read as UTF-8', () => {
    expect(source('text/html; charset=none', 'ä')).toContain('ä');
  });
});
