// SPDX-License-Identifier: MIT
// vm_page.test - the parts of web/vm/ that need no browser: paths of the page's server, the terminal, what the browser shows, durations

import { describe, expect, test } from 'vitest';
import { frameSource } from '../../web/vm/browser_view.ts';
import { downloadSize } from '../../web/vm/page_server.ts';
import { COLUMNS, HISTORY, ROWS, Screen } from '../../web/vm/screen.ts';
import { duration } from '../../web/vm/tables.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('a path says how much is to be downloaded', () => {
  expect(['/7B', '/5kB', '/20MB', '/1GB'].map(downloadSize)).toEqual([7, 5e3, 2e7, 1e9]);
  for (const path of ['/', '/2GB', '/MB', '/1mB', '/1MBx', '/99999999999B']) {
    expect(downloadSize(path)).toBeUndefined();
  }
});

test('a duration is in the unit that says most', () => {
  const ms = [-1, 0, 1400, 89_000, 91_000, 3600_000, 5400_000, 86_400_000];
  const words = ['0 s', '0 s', '1 s', '89 s', '2 min', '60 min', '2 h', '24 h'];
  expect(ms.map(duration)).toEqual(words);
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
