// SPDX-License-Identifier: MIT
// imports - which file imports or includes which, and whether the tables of rules.ts allow it

import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';
import { blankComments, fits, lineOf, listFiles, parse, read, walk } from './files.ts';

/** The allowed edges. The fields are those of rules.ts. */
export interface EdgeRules {
  readonly jsEdges: Readonly<Record<string, readonly string[]>>;
  readonly jsExternal: Readonly<Record<string, readonly string[]>>;
  readonly cEdges: Readonly<Record<string, readonly string[]>>;
  readonly cSystem: Readonly<Record<string, readonly string[]>>;
  readonly lwipUsers: readonly string[];
}

type Graph = Map<string, Set<string>>;

function connect(graph: Graph, from: string, to: string): void {
  const next = graph.get(from) ?? new Set();
  graph.set(from, next.add(to));
}

/** The first entry whose key fits a name, exact keys first. */
function rowOf(table: Readonly<Record<string, readonly string[]>>, name: string) {
  if (Object.hasOwn(table, name)) return table[name];
  return Object.entries(table).find(([pattern]) => fits(name, pattern))?.[1];
}

/** One violation per cycle found, as 'a -> b -> a'. */
function cycles(graph: Graph): string[] {
  const found: string[] = [];
  const finished = new Set<string>();
  const visit = (name: string, trail: readonly string[]): void => {
    const at = trail.indexOf(name);
    if (at >= 0) found.push(`cycle: ${[...trail.slice(at), name].join(' -> ')}`);
    if (at >= 0 || finished.has(name)) return;
    for (const next of graph.get(name) ?? []) visit(next, [...trail, name]);
    finished.add(name);
  };
  for (const name of graph.keys()) visit(name, []);
  return found;
}

interface Import {
  readonly specifier: string;
  readonly line: number;
  readonly isType: boolean;
  /** `new URL('./x.js', import.meta.url)` */
  readonly isUrl: boolean;
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  const clause = node.importClause;
  if (clause === undefined || clause.isTypeOnly) return clause !== undefined;
  const named = clause.namedBindings;
  const isNamed = clause.name === undefined && named !== undefined && ts.isNamedImports(named);
  return isNamed && named.elements.every((element) => element.isTypeOnly);
}

/** The string a node loads a module by: import, export from, import(), `new URL('./x.ts', …)`. */
function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
    return node.argument.literal;
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return node.arguments[0];
  }
  if (!ts.isNewExpression(node) || node.expression.getText() !== 'URL') return undefined;
  const [path, base] = node.arguments ?? [];
  const isModule = path !== undefined && /\.[jt]s['"]$/.test(path.getText());
  return isModule && base?.getText() === 'import.meta.url' ? path : undefined;
}

function importsOf(file: ts.SourceFile): Import[] {
  const found: Import[] = [];
  walk(file, (node) => {
    const specifier = specifierOf(node);
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const isDeclaration = ts.isImportDeclaration(node) || ts.isExportDeclaration(node);
    const isType = isDeclaration ? isTypeOnly(node) : ts.isImportTypeNode(node);
    const isUrl = ts.isNewExpression(node);
    found.push({ specifier: specifier.text, line: lineOf(node), isType, isUrl });
  });
  return found;
}

function allows(row: readonly string[], target: string, isType: boolean): boolean {
  return row.some((entry) => {
    const pattern = entry.replace(/^type /, '');
    return fits(target, pattern) && (isType || pattern === entry);
  });
}

/** Checks what the modules of packages/ import: their own, the public API, Node if they are for it, and of js/ what is allowed to them. */
export function checkPackageImports(
  root: string,
  allowed: readonly string[],
  forNode: readonly string[],
): string[] {
  const violations: string[] = [];
  for (const path of listFiles(root, ['packages'], ['.ts'])) {
    const own = path.split('/').slice(0, 3).join('/');
    for (const { specifier, line } of importsOf(parse(root, path))) {
      const target = posix.join(posix.dirname(path), specifier);
      const isOurs = specifier.startsWith('.')
        ? target.startsWith(`${own}/`) || allowed.some((pattern) => fits(target, pattern))
        : /^ringstack(?:\/|$)/.test(specifier) ||
          (specifier.startsWith('node:') && forNode.some((name) => path.startsWith(`${name}/`)));
      if (isOurs && (!specifier.startsWith('.') || existsSync(join(root, target)))) continue;
      violations.push(`${path}:${line}: imports ${specifier}, which is not allowed here`);
    }
  }
  return violations;
}

/** Checks the imports of js/ against the tables, their targets, and cycles. */
export function checkJsImports(root: string, rules: EdgeRules): string[] {
  const violations: string[] = [];
  const graph: Graph = new Map();
  for (const path of listFiles(root, ['js'], ['.ts'])) {
    const name = path.replace(/^js\//, '').replace(/\.ts$/, '');
    const row = rowOf(rules.jsEdges, name);
    if (row === undefined) violations.push(`${path}: not in the table of allowed imports`);
    for (const { specifier, line, isType, isUrl } of importsOf(parse(root, path))) {
      const complain = (what: string): void =>
        void violations.push(`${path}:${line}: imports ${specifier}, ${what}`);
      if (!specifier.startsWith('.')) {
        const external = rowOf(rules.jsExternal, name) ?? [];
        if (!allows(external, specifier, isType)) complain('which is not allowed here');
        continue;
      }
      // A URL names what is made of the source, as seen from dist/index.js, which holds all of js/.
      const from = isUrl ? 'js' : posix.dirname(path);
      const target = posix.join(from, specifier).replace(/\.js$/, '.ts');
      if (!target.startsWith('js/')) complain('which is outside js/');
      else if (!existsSync(join(root, target))) complain('which does not exist');
      const to = target.replace(/^js\//, '').replace(/\.ts$/, '');
      connect(graph, name, to);
      if (row !== undefined && !allows(row, to, isType)) complain('which does not point down');
    }
  }
  return [...violations, ...cycles(graph)];
}

/** Checks that js/index.ts holds re-exports and nothing else. */
export function checkIndex(root: string): string[] {
  if (!existsSync(join(root, 'js/index.ts'))) return [];
  return parse(root, 'js/index.ts')
    .statements.filter((node) => !ts.isExportDeclaration(node) || !node.moduleSpecifier)
    .map((node) => `js/index.ts:${lineOf(node)}: is not a re-export`);
}

const INCLUDE = /^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]/;
const LWIP_HEADER = /^(?:lwip|netif)\//;

/** Checks the includes of core/ and lwip/ against the tables, and cycles. */
export function checkCIncludes(root: string, rules: EdgeRules): string[] {
  const violations: string[] = [];
  const graph: Graph = new Map();
  for (const path of listFiles(root, ['core', 'lwip'], ['.c', '.h'])) {
    const name = path.replace(/^core\//, '').replace(/\.[ch]$/, '');
    const row = rowOf(rules.cEdges, name);
    if (row === undefined) violations.push(`${path}: not in the table of allowed includes`);
    for (const [i, text] of blankComments(read(root, path)).split('\n').entries()) {
      const [, quote, header] = INCLUDE.exec(text) ?? [];
      if (header === undefined) continue;
      const complain = (what: string): void =>
        void violations.push(`${path}:${i + 1}: includes ${header}, ${what}`);
      if (LWIP_HEADER.test(header)) {
        if (!rules.lwipUsers.some((user) => fits(name, user))) complain('which is lwIP');
        continue;
      }
      if (quote === '<') {
        const system = rowOf(rules.cSystem, name);
        if (system?.includes(header) === false) complain('which is not one of its system headers');
        continue;
      }
      const to = header.replace(/\.h$/, '');
      if (to === name) continue;
      connect(graph, name, to);
      if (row !== undefined && !allows(row, to, false)) complain('which does not point down');
    }
  }
  return [...violations, ...cycles(graph)];
}
