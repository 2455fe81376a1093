/** What an editor shows over an option: its unit, its default. Asked of the language service, as editors do. */
import assert from 'node:assert/strict';

import ts from 'typescript5';

/** `|` is where the pointer is. */
const shown = {
  'retry({ |retries':
    'Attempts after the first; 0 for none, `Infinity` for as long as deadline and budget allow.\n@default 3',
  'retries: 1, |backoff': 'ms',
  'hedge({ |ratio': '@default 0.05',
  '|storage: indexeddb': '@default memory()',
  "|requestId: 'order-1'": '@default a fresh UUID',
  'standard({ |timeout': '@default { total: 30_000, idle: 30_000, headers: learnt, 1_000 to 10_000 }',
  'adaptive({ |max': '@default 5_000',
  "'kyoa.db', { |durability": "@default 'power'",
  '|createFetch({': '@throws {KyoaError} `INVALID_OPTION`',
  '|script({': 'A request that no reply is left for',
  '|fault: ': '@default nothing',
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
for (const [place, expected] of Object.entries(shown)) {
  const at = text.indexOf(place.replace('|', '')) + place.indexOf('|');
  const info = service.getQuickInfoAtPosition(file, at);
  const tags = (info?.tags ?? []).map(({ name, text }) => `@${name} ${ts.displayPartsToString(text)}`);
  const hover = [ts.displayPartsToString(info?.documentation), ...tags].join('\n');
  assert.ok(hover.includes(expected), `An editor shows over ${place}:\n${hover}`);
}
console.log(`${Object.keys(shown).length} places`);
