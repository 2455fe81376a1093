/**
 * Checks what an editor shows, with the language service of editors: for an option its description, unit and default; for
 * each public name a sentence and a link, and for each value an example.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import ts from 'typescript5';

/** Parts of the text that is shown when the pointer is at `|` in types/use.ts. */
const shown = {
  'retry({ |retries': ['Attempts after the first; 0 for none', '\n@default 3'],
  'retries: 1, |backoff': ['ms', '@default exponential(200, 10_000)'],
  'hedge({ |ratio': ['@default 0.05'],
  '|storage: indexeddb': ['@default memory()'],
  "|requestId: 'order-1'": ['@default a new UUID'],
  'standard({ |timeout': ['@default { total: 30_000, idle: 30_000, headers: adaptive, 1_000 to 10_000 }'],
  'adaptive({ |max': ['@default 5_000'],
  "'kyoa.db', { |durability": ["@default 'power'"],
  '|createFetch({': ['@throws {KyoaError} `INVALID_OPTION`'],
  '|script({': ['rejects with an Error'],
  '|fault: ': ['@default no'],
};

const file = 'types/use.ts';
const options = {
  module: ts.ModuleKind.NodeNext,
  strict: true,
  noEmit: true,
  types: [],
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.esnext.disposable.d.ts'],
};
const service = ts.createLanguageService({
  getScriptFileNames: () => [file],
  getScriptVersion: () => '1',
  getScriptSnapshot: (name) => {
    const text = ts.sys.readFile(name);
    return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
  },
  getCurrentDirectory: () => process.cwd(),
  getCompilationSettings: () => options,
  getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
  fileExists: ts.sys.fileExists,
  readFile: ts.sys.readFile,
  readDirectory: ts.sys.readDirectory,
  directoryExists: ts.sys.directoryExists,
  getDirectories: ts.sys.getDirectories,
});

const text = ts.sys.readFile(file);
for (const [place, parts] of Object.entries(shown)) {
  const at = text.indexOf(place.replace('|', '')) + place.indexOf('|');
  const info = service.getQuickInfoAtPosition(file, at);
  const tags = (info?.tags ?? []).map(({ name, text }) => `@${name} ${ts.displayPartsToString(text)}`);
  const hover = [ts.displayPartsToString(info?.documentation), ...tags].join('\n');
  for (const part of parts) assert.ok(hover.includes(part), `At ${place}, "${part}" is missing in:\n${hover}`);
}
console.log(`${Object.keys(shown).length} places checked`);

const { exports } = JSON.parse(readFileSync('node_modules/kyoa/package.json', 'utf8'));
const entries = Object.values(exports).flatMap(({ types }) => (types ? [`node_modules/kyoa/${types.slice(2)}`] : []));
const program = ts.createProgram(entries, { ...options, types: ['node'] });
const checker = program.getTypeChecker();
const missing = [];
let names = 0;
for (const entry of entries) {
  for (const exported of checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)))) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    if (symbol.declarations[0].getSourceFile().fileName.includes('/node_modules/ky/')) continue; // ky documents its own
    names += 1;
    const text = ts.displayPartsToString(symbol.getDocumentationComment(checker));
    const tags = symbol.getJsDocTags(checker).map(({ name, text }) => `@${name} ${ts.displayPartsToString(text)}`);
    const place = `${entry}: ${exported.name}`;
    if (!/^[A-Z\d`][^]*?[.:](\s|$)/.test(text)) missing.push(`${place}: a sentence that says what it is`);
    // The parser of TypeScript takes the scheme of an URL for a name.
    if (!tags.some((tag) => /^@see .*\/\/github\.com\/kyoa\/kyoa\/blob\/main\/docs\//.test(tag)))
      missing.push(`${place}: @see`);
    const isValue = symbol.flags & ts.SymbolFlags.Value;
    if (isValue && !tags.some((tag) => tag.startsWith('@example'))) missing.push(`${place}: @example`);
  }
}
assert.deepEqual(missing, []);
assert.ok(names > 150);
console.log(`${names} public names checked`);
