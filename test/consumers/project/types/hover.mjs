/** Checks what an editor shows for an option: its description, unit and default. It uses the language service of editors. */
import assert from 'node:assert/strict';

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
