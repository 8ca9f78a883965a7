// SPDX-License-Identifier: MIT
// words - finds banned words in the prose of a tree: Markdown, the text of pages, comments
//
// A file becomes passages: a paragraph, a table cell, a comment (line comments in a row are one). Code
// blocks, code spans and generated tables are left out. Line ends inside a passage count as spaces, so a
// phrase is found across them.

import { extname } from 'node:path';
import ts from 'typescript';
import { listFiles, read, walk } from './files.ts';
import type { AllowedWord, BannedWord } from './word_list.ts';

/** Text that belongs together. */
interface Passage {
  readonly text: string;
  /** Line of the file on which it begins. */
  readonly line: number;
  /** Whether it is made of sentences, as headings are not. */
  readonly hasSentences: boolean;
}

/** The rules and their exceptions. */
export interface WordRules {
  readonly words: readonly BannedWord[];
  readonly openings: readonly string[];
  readonly allowed: readonly AllowedWord[];
}

const EXTENSIONS = ['.md', '.html', '.ts', '.mjs', '.js', '.c', '.h', '.sh', '.css'];
const CODE_BLOCK = /^[ \t]*```[\s\S]*?^[ \t]*```[ \t]*$/gm;
const GENERATED = /<!-- ([\w-]+):begin -->[\s\S]*?<!-- \1:end -->/g;

const blank = (text: string): string => text.replace(/[^\n]/g, ' ');

/** Prose with its code spans replaced by a letter, and the targets of links blanked. */
function withoutCode(text: string): string {
  return text
    .replace(/`[^`]*`/g, (code) => `X${blank(code.slice(1))}`)
    .replace(/\]\([^()\s]+\)|\{@link [^}]*\}|\bhttps?:\S+/g, blank);
}

/** Paragraphs, list items, cells and headings of Markdown. */
function passagesOfMarkdown(source: string): Passage[] {
  const text = withoutCode(source.replace(CODE_BLOCK, blank).replace(GENERATED, blank)).replaceAll(
    '**',
    '',
  );
  const found: Passage[] = [];
  let open: { text: string; line: number } | undefined;
  const close = (): void => {
    if (open) found.push({ ...open, hasSentences: true });
    open = undefined;
  };
  for (const [i, line] of text.split('\n').entries()) {
    const isTable = /^\s*\|/.test(line);
    const isHeading = /^#/.test(line);
    if (isTable || isHeading || /^\s*(?:[-*] |\d+\. |$)/.test(line)) close();
    if (isTable) {
      const cells = line
        .split('|')
        .map((cell) => ({ text: cell, line: i + 1, hasSentences: false }));
      found.push(...cells);
    } else if (isHeading) found.push({ text: line, line: i + 1, hasSentences: false });
    else if (open) open.text += `\n${line}`;
    else if (line.trim() !== '') {
      open = { text: line.replace(/^\s*(?:[-*]|\d+\.) /, ''), line: i + 1 };
    }
  }
  close();
  return found;
}

/** Visible text of a page, block by block. */
function passagesOfPage(source: string): Passage[] {
  const text = source
    .replace(/<(script|style)\b[\s\S]*?<\/\1>|<!--[\s\S]*?-->/g, blank)
    .replace(/<\/?(?:code|kbd|a|b|em|i|strong)\b[^>]*>/g, blank);
  const found: Passage[] = [];
  for (const match of text.matchAll(/(?:^|>)([^<]+)/g)) {
    const [, words = ''] = match;
    const line = text.slice(0, match.index + match[0].length - words.length).split('\n').length;
    if (words.trim() !== '') found.push({ text: words, line, hasSentences: true });
  }
  return found;
}

const COMMENT = /\/\*[\s\S]*?\*\/|\/\/.*/g;
const SHELL_COMMENT = /(?<=^|\s)#(?!!).*/gm;
const C_COMMENT_OR_STRING = /\/\*[\s\S]*?\*\/|\/\/.*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;

/** C with its strings blanked, which may hold what looks like a comment. */
function withoutStrings(source: string): string {
  return source.replace(C_COMMENT_OR_STRING, (found) =>
    found.startsWith('/') ? found : blank(found),
  );
}

/** TypeScript or JavaScript with its strings, templates and regular expressions blanked, for the same reason. */
function withoutLiterals(path: string, source: string): string {
  const pieces: string[] = [];
  let done = 0;
  walk(ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true), (node) => {
    const isPart = ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node);
    if (!isPart && !ts.isLiteralExpression(node)) return;
    const start = node.getStart();
    pieces.push(source.slice(done, start), blank(source.slice(start, node.end)));
    done = node.end;
  });
  return [...pieces, source.slice(done)].join('');
}

/** The comments of a source file, with their places. */
function commentsOf(path: string, source: string): RegExpExecArray[] {
  const extension = extname(path);
  if (extension === '.sh') return [...source.matchAll(SHELL_COMMENT)];
  if (extension === '.css') return [...source.matchAll(COMMENT)];
  const isC = extension === '.c' || extension === '.h';
  const text = isC ? withoutStrings(source) : withoutLiterals(path, source);
  return [...text.matchAll(COMMENT)];
}

/** Comments of a source file, without their marks; examples in them are code. */
function passagesOfSource(path: string, source: string): Passage[] {
  const found: { text: string; line: number; end: number }[] = [];
  for (const { 0: comment, index } of commentsOf(path, source)) {
    const end = index + comment.length;
    const line = source.slice(0, index).split('\n').length;
    const last = found.at(-1);
    const isLine = !comment.startsWith('/*');
    const follows = last && isLine && /^\s*$/.test(source.slice(last.end, index)) && last.end > 0;
    const text = comment.replace(/^\/\*+|\*\/$/g, '').replace(/^[ \t]*(?:\/\/+|\*|#+)/gm, ' ');
    if (follows && line === last.line + last.text.split('\n').length) {
      last.text += `\n${text}`;
      last.end = end;
    } else found.push({ text, line, end: isLine ? end : 0 });
  }
  return found.flatMap(({ text, line }) => {
    const prose = withoutCode(text.replace(CODE_BLOCK, blank));
    // A tag, a parameter of C, an item, a row of a table or an empty line begins a passage.
    const starts = /^\s*(?:@\w+|- |\||\w+:\s|$)/;
    const passages: { text: string; line: number; hasSentences: boolean }[] = [];
    for (const [i, row] of prose.split('\n').entries()) {
      const isTable = /^\s*\|/.test(row);
      const previous = passages.at(-1);
      if (previous && !starts.test(row)) previous.text += `\n${row}`;
      else {
        const parts = isTable ? row.split('|') : [row.replace(/^\s*@\w+:?\s+(?:[\w.]+ - )?/, '')];
        for (const part of parts) {
          passages.push({ text: part, line: line + i, hasSentences: !isTable });
        }
      }
    }
    return passages;
  });
}

function passagesOf(path: string, source: string): Passage[] {
  if (path.endsWith('.md')) return passagesOfMarkdown(source);
  if (path.endsWith('.html')) return passagesOfPage(source);
  return passagesOfSource(path, source);
}

/** Violations of one passage, and the exceptions that it needed. */
function checkPassage(path: string, passage: Passage, rules: WordRules, used: Set<AllowedWord>) {
  const words = [...passage.text.matchAll(/\S+/g)];
  const text = words.map(([word]) => word).join(' ');
  const lineOfIndex = (index: number): number => {
    const word = words[text.slice(0, index).split(' ').length - 1];
    return passage.line + passage.text.slice(0, word?.index ?? 0).split('\n').length - 1;
  };
  const isAllowed = (index: number): boolean => {
    const exception = rules.allowed.find((allowed) => {
      if (!isBelow(path, allowed.path)) return false;
      const at = text.toLowerCase().lastIndexOf(allowed.text.toLowerCase(), index);
      return at >= 0 && index < at + allowed.text.length;
    });
    if (exception) used.add(exception);
    return exception !== undefined;
  };
  const found: string[] = [];
  const report = (index: number, message: string): void => {
    if (!isAllowed(index)) found.push(`${path}:${lineOfIndex(index)}: ${message}`);
  };
  for (const { pattern, better, only } of rules.words) {
    if (only && !only.some((folder) => isBelow(path, folder))) continue;
    for (const match of text.matchAll(new RegExp(pattern, 'gi'))) {
      report(match.index, `'${match[0]}': ${better}`);
    }
  }
  if (!passage.hasSentences) return found;
  const opening = new RegExp(`(?<=^|[.!?] )(?:${rules.openings.join('|')})(?= )[^.!?]*[.!?]?`, 'g');
  for (const match of text.matchAll(opening)) {
    const isQuestion = match[0].endsWith('?');
    const [word = ''] = match[0].split(' ');
    if (!isQuestion) report(match.index, `a sentence opens with '${word}'`);
  }
  return found;
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Checks the prose of files and folders of a tree. Exceptions that nothing needs are violations too. */
export function checkWords(root: string, places: readonly string[], rules: WordRules): string[] {
  const files = [
    ...places.filter((place) => EXTENSIONS.includes(extname(place))),
    ...listFiles(
      root,
      places.filter((place) => extname(place) === ''),
      EXTENSIONS,
    ),
  ];
  const used = new Set<AllowedWord>();
  const found = files.flatMap((path) =>
    passagesOf(path, read(root, path)).flatMap((passage) =>
      checkPassage(path, passage, rules, used),
    ),
  );
  const unused = rules.allowed.filter((allowed) => !used.has(allowed));
  return [
    ...found,
    ...unused.map(({ path, text }) => `${path}: nothing needs the exception for '${text}'`),
  ];
}
