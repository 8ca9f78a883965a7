// SPDX-License-Identifier: MIT
// docs - whether every public export, and each of its members, has a doc comment with all its parts
//
// Asked of functions and methods: a brief, @param for each parameter, @returns unless nothing comes
// back, @throws ('Never.' counts). Of functions, classes and interfaces with methods: an @example.
// Of properties: a brief. Constants and type aliases: a brief, and so do the members they spell out.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { lineOf } from './files.ts';

type Callable = ts.SignatureDeclaration;

const NOTHING = /^(?:Promise<)?(?:void|never|undefined)>?$/;

function docOf(node: ts.Node): ts.JSDoc | undefined {
  return ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).at(-1);
}

function tagsOf(node: ts.Node, name: string): readonly ts.JSDocTag[] {
  return ts.getJSDocTags(node).filter((tag) => tag.tagName.text === name);
}

function textOf(doc: ts.JSDoc | ts.JSDocTag | undefined): string {
  return (ts.getTextOfJSDocComment(doc?.comment) ?? '').replace(/^-\s*/, '').trim();
}

function missingParams(node: Callable): string[] {
  const documented = tagsOf(node, 'param').filter(ts.isJSDocParameterTag);
  const names = new Set(documented.filter((tag) => textOf(tag)).map((tag) => tag.name.getText()));
  const wanted = node.parameters.map((parameter) => parameter.name);
  const unknown = [...names].filter((name) => !wanted.some((want) => want.getText() === name));
  const isPlain = wanted.every(ts.isIdentifier);
  return [
    ...wanted
      .filter((name) => isPlain && !names.has(name.getText()))
      .map((n) => `@param ${n.getText()}`),
    ...(isPlain ? unknown.map((name) => `parameter ${name}`) : []),
    ...(!isPlain && names.size < wanted.length ? ['@param'] : []),
  ];
}

function missingReturn(node: Callable): string[] {
  if (ts.isConstructorDeclaration(node) || ts.isSetAccessor(node)) return [];
  const type = node.type?.getText();
  if (type === undefined) return ['return type'];
  const isDocumented = tagsOf(node, 'returns').some((tag) => textOf(tag) !== '');
  return NOTHING.test(type) || isDocumented ? [] : ['@returns'];
}

function missingParts(node: ts.Node): string[] {
  if (textOf(docOf(node)) === '') return ['brief'];
  if (ts.isGetAccessor(node) || !ts.isFunctionLike(node)) return [];
  const throws = tagsOf(node, 'throws').some((tag) => textOf(tag) !== '') ? [] : ['@throws'];
  return [...missingParams(node), ...missingReturn(node), ...throws];
}

function membersOf(node: ts.Node): readonly ts.Node[] {
  if (ts.isTypeAliasDeclaration(node)) {
    return ts.isTypeLiteralNode(node.type) ? node.type.members : [];
  }
  if (!ts.isInterfaceDeclaration(node) && !ts.isClassDeclaration(node)) return [];
  return (node.members as ts.NodeArray<ts.Node>).filter((member) => {
    const { name } = member as ts.NamedDeclaration;
    const isHidden = name !== undefined && ts.isPrivateIdentifier(name);
    const flags = ts.getCombinedModifierFlags(member as ts.Declaration);
    const isPrivate = (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0;
    return !isHidden && !isPrivate && !ts.isClassStaticBlockDeclaration(member);
  });
}

function wantsExample(node: ts.Node): boolean {
  if (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)) return true;
  return ts.isInterfaceDeclaration(node) && node.members.some(ts.isMethodSignature);
}

/** Whether the comment has an example in a ts block. One that runs must assert: see examples.ts. */
function hasExample(node: ts.Node): boolean {
  return tagsOf(node, 'example').some((tag) => textOf(tag).includes('```ts'));
}

/** Of overloads, those that are documented, else the first. */
function declarationsOf(symbol: ts.Symbol): ts.Declaration[] {
  const all = symbol.declarations ?? [];
  const documented = all.filter((node) => docOf(node) !== undefined);
  return documented.length > 0 ? documented : all.slice(0, 1);
}

function checkSymbol(root: string, symbol: ts.Symbol): string[] {
  const violations: string[] = [];
  const report = (node: ts.Node, name: string, parts: readonly string[]): void => {
    const path = node.getSourceFile().fileName.slice(root.length).replace(/^\//, '');
    for (const part of parts) violations.push(`${path}:${lineOf(node)}: ${name} lacks ${part}`);
  };
  for (const node of declarationsOf(symbol)) {
    report(node, symbol.name, missingParts(node));
    if (wantsExample(node) && !hasExample(node)) report(node, symbol.name, ['@example']);
    for (const member of membersOf(node)) {
      const name = (member as ts.NamedDeclaration).name?.getText() ?? 'constructor';
      report(member, `${symbol.name}.${name}`, missingParts(member));
    }
  }
  return violations;
}

/** Checks what can be reached from an entry, by default js/index.ts. A missing entry has no exports. */
export function checkDocs(root: string, entry = 'js/index.ts'): string[] {
  const path = join(root, entry);
  if (!existsSync(path)) return [];
  const options: ts.CompilerOptions = { noLib: true, types: [], allowImportingTsExtensions: true };
  options.moduleResolution = ts.ModuleResolutionKind.Bundler;
  options.module = ts.ModuleKind.ESNext;
  const program = ts.createProgram([path], options);
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(path);
  const module = file && checker.getSymbolAtLocation(file);
  if (module === undefined) return [`${entry}: exports nothing`];
  return checker.getExportsOfModule(module).flatMap((symbol) => {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    return checkSymbol(root, isAlias ? checker.getAliasedSymbol(symbol) : symbol);
  });
}
