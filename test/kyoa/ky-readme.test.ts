/** Each sample of ky's own readme compiles with kyoa as it does with ky, apart from the options that kyoa has under other names. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { root } from '../support/lanes.ts';

/** docs/migration.md says what to write for these. */
const elsewhere = /error TS\d+: .*\b(beforeRetry|statusCodes|retryOnTimeout|jitter|shouldRetry)\b/;

const readme = readFileSync(join(root, 'node_modules/ky/readme.md'), 'utf8');
const samples = Array.from(readme.matchAll(/^```js\n([^]*?)^```/gm), ([, code]) =>
  /^import .* from 'ky'/m.test(code!) ? code! : `import ky from 'ky';\n${code}`,
);

/** The errors of the samples with one package: the number of the sample, and the line of its code. */
function errors(name: 'ky' | 'kyoa'): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-readme-'));
  try {
    mkdirSync(join(folder, 'samples'));
    for (const [n, code] of samples.entries()) {
      writeFileSync(join(folder, `samples/${n}.ts`), code.replaceAll("from 'ky'", `from '${name}'`));
    }
    const compilerOptions = {
      noEmit: true,
      strict: true,
      noImplicitAny: false,
      allowImportingTsExtensions: true,
      target: 'es2023',
      lib: ['es2023', 'esnext.disposable', 'dom', 'dom.iterable', 'dom.asynciterable'],
      module: 'esnext',
      moduleResolution: 'bundler',
      moduleDetection: 'force',
      skipLibCheck: true,
      types: [],
      paths: { kyoa: [join(root, 'src/index.ts')], ky: [join(root, 'node_modules/ky/distribution/index.d.ts')] },
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['samples'] }));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '--pretty', 'false'], { cwd: folder, encoding: 'utf8' });
    return Array.from(stdout.matchAll(/^samples\/(\d+)\.ts\((\d+),\d+\): (.*)$/gm), ([, sample, line, error]) => {
      return `${sample}: ${samples[Number(sample)]!.split('\n')[Number(line) - 1]!.trim()}: ${error}`;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('the samples of the readme of ky compile with kyoa', () => {
  expect(samples.length).toBeGreaterThan(50);
  const place = (error: string): string => error.replace(/: [^:]*error TS.*$/s, '');
  const ofKy = new Set(errors('ky').map(place));
  const more = errors('kyoa').filter((error) => !ofKy.has(place(error)));
  expect(more.filter((error) => !elsewhere.test(error))).toEqual([]);
}, 60_000);
