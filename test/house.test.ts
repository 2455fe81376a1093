/** Each probe is a file that breaks one rule of the house, linted in a copy of the house that is otherwise in order. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { root } from './support/lanes.ts';

interface Probe {
  readonly what: string;
  readonly file: string;
  readonly code: string;
  readonly rule: string;
  readonly says: string;
}

interface Diagnostic {
  readonly filename: string;
  readonly code: string;
  readonly message: string;
  readonly help?: string;
}

const imports = 'eslint(no-restricted-imports)';
const globals = 'eslint(no-restricted-globals)';
const builtins = 'import(no-nodejs-modules)';

const rejected: readonly Probe[] = [
  {
    what: 'src importing a module of Node',
    file: 'src/lib/files.ts',
    code: `import { readFileSync } from 'node:fs';\nexport const read = readFileSync;\n`,
    rule: builtins,
    says: 'Do not import Node.js builtin module `node:fs`',
  },
  {
    what: 'src importing a module of Node by its bare name',
    file: 'src/lib/paths.ts',
    code: `import { join } from 'path';\nexport const glue = join;\n`,
    rule: builtins,
    says: 'Do not import Node.js builtin module `path`',
  },
  {
    what: 'src loading a module of Node later',
    file: 'src/middleware/later.ts',
    code: `export const later = () => import('node:fs');\n`,
    rule: builtins,
    says: 'Do not import Node.js builtin module `node:fs`',
  },
  ...['process', 'Buffer', 'global', 'require', 'setImmediate'].map((name) => ({
    what: `src naming ${name}`,
    file: `src/lib/names-${name}.ts`,
    code: `export const it: unknown = ${name};\n`,
    rule: globals,
    says: 'src runs in browsers too.',
  })),
  {
    what: 'src naming process by way of globalThis',
    file: 'src/core/around.ts',
    code: `export const it: unknown = globalThis.process;\n`,
    rule: globals,
    says: 'src runs in browsers too.',
  },
  ...['src/lib/client.ts', 'src/middleware/client.ts', 'src/fetch.ts', 'src/standard.ts', 'src/index.ts'].map(
    (file) => ({
      what: `ky in ${file}`,
      file,
      code: `export { HTTPError } from 'ky';\n`,
      rule: imports,
      says: 'Only src/kyoa.ts and src/kyoa import ky',
    }),
  ),
  {
    what: 'core importing lib',
    file: 'src/core/up.ts',
    code: `export { helper } from '../lib/helper.ts';\n`,
    rule: imports,
    says: 'src/core imports src/core and src/core/engine.',
  },
  {
    what: 'core importing a type of lib',
    file: 'src/core/up-type.ts',
    code: `export type { Helper } from '../lib/helper.ts';\n`,
    rule: imports,
    says: 'src/core imports src/core and src/core/engine.',
  },
  {
    what: 'core importing a package',
    file: 'src/core/package.ts',
    code: `export { default as pRetry } from 'p-retry';\n`,
    rule: imports,
    says: 'src/core imports src/core and src/core/engine.',
  },
  {
    what: 'the engine of core importing the grammar',
    file: 'src/core/engine/up.ts',
    code: `export type { Plain } from '../plain.ts';\n`,
    rule: imports,
    says: 'src/core/engine imports its neighbours only.',
  },
  {
    what: 'telemetry importing lib',
    file: 'src/telemetry/side.ts',
    code: `export { helper } from '../lib/helper.ts';\n`,
    rule: imports,
    says: 'src/telemetry imports src/core and its neighbours.',
  },
  {
    what: 'lib importing a policy',
    file: 'src/lib/up.ts',
    code: `export { tidy } from '../middleware/tidy.ts';\n`,
    rule: imports,
    says: 'src/lib imports src/core, src/lib and packages.',
  },
  {
    what: 'a folder of lib importing a policy',
    file: 'src/lib/body/up.ts',
    code: `export { tidy } from '../../middleware/tidy.ts';\n`,
    rule: imports,
    says: 'src/lib imports src/core, src/lib and packages.',
  },
  {
    what: 'lib importing an entry point',
    file: 'src/lib/entry.ts',
    code: `export { createFetch } from '../fetch.ts';\n`,
    rule: imports,
    says: 'src/lib imports src/core, src/lib and packages.',
  },
  {
    what: 'lib importing middleware by a winding path',
    file: 'src/lib/winding.ts',
    code: `export { tidy } from './../middleware/tidy.ts';\n`,
    rule: imports,
    says: 'Write a path in its shortest form.',
  },
  {
    what: 'a policy importing another one',
    file: 'src/middleware/friend.ts',
    code: `export { tidy } from './tidy.ts';\n`,
    rule: imports,
    says: 'A policy never imports another policy.',
  },
  {
    what: 'a policy importing the folder of another one',
    file: 'src/middleware/guest.ts',
    code: `export { part } from './orderly/part.ts';\n`,
    rule: imports,
    says: 'A policy never imports another policy.',
  },
  {
    what: 'a policy in a folder importing the folder of another one',
    file: 'src/middleware/guest/guest.ts',
    code: `export { part } from '../orderly/part.ts';\n`,
    rule: imports,
    says: 'A policy never imports another policy.',
  },
  {
    what: 'a policy in a folder importing another one',
    file: 'src/middleware/guest/friend.ts',
    code: `export { tidy } from '../tidy.ts';\n`,
    rule: imports,
    says: 'A policy never imports another policy.',
  },
  {
    what: 'a policy importing an entry point',
    file: 'src/middleware/entry.ts',
    code: `export { createFetch } from '../fetch.ts';\n`,
    rule: imports,
    says: 'A policy imports its own folder, src/lib, src/core, src/telemetry and packages.',
  },
  {
    what: 'a policy in a folder importing an entry point',
    file: 'src/middleware/guest/entry.ts',
    code: `export { createFetch } from '../../fetch.ts';\n`,
    rule: imports,
    says: 'A policy imports its own folder, src/lib, src/core, src/telemetry and packages.',
  },
  {
    what: 'a policy importing the embedded storage',
    file: 'src/middleware/keeper.ts',
    code: `export { memory } from '../../adapters/storage/memory.ts';\n`,
    rule: imports,
    says: 'A policy imports its own folder, src/lib, src/core, src/telemetry and packages.',
  },
  {
    what: 'an entry point importing an adapter that is not the embedded one',
    file: 'src/kyoa.ts',
    code: `export { file } from '../adapters/storage/file.ts';\n`,
    rule: imports,
    says: 'src imports nothing outside src, the embedded default storage apart.',
  },
  {
    what: 'a part of the client importing the client',
    file: 'src/kyoa/up.ts',
    code: `export { default as client } from '../kyoa.ts';\n`,
    rule: imports,
    says: 'src/kyoa is below src/kyoa.ts.',
  },
  {
    what: 'another entry point importing a part of the client',
    file: 'src/handler.ts',
    code: `export { call } from './kyoa/call.ts';\n`,
    rule: imports,
    says: 'src/fetch.ts and src/handler.ts are below src/kyoa.ts.',
  },
  {
    what: 'the schemas of the policies importing an entry point',
    file: 'src/policy/up.ts',
    code: `export { createFetch } from '../fetch.ts';\n`,
    rule: imports,
    says: 'src/policy imports src/core, src/lib, src/middleware, the standard and the live stack, and its neighbours.',
  },
  {
    what: 'event streams importing an entry point',
    file: 'src/event-streams/up.ts',
    code: `export { createFetch } from '../fetch.ts';\n`,
    rule: imports,
    says: 'src/event-streams imports src/core, src/lib, the mark of kyoa’s fetches, its neighbours and packages.',
  },
  {
    what: 'event streams importing a policy',
    file: 'src/event-streams/aside.ts',
    code: `export { tidy } from '../middleware/tidy.ts';\n`,
    rule: imports,
    says: 'src/event-streams imports src/core, src/lib, the mark of kyoa’s fetches, its neighbours and packages.',
  },
  {
    what: 'the door of the test kit importing more than its room',
    file: 'src/testing.ts',
    code: `export { helper } from './lib/helper.ts';\n`,
    rule: imports,
    says: 'src/testing.ts imports src/testing only.',
  },
  {
    what: 'the test kit importing a policy',
    file: 'src/testing/script.ts',
    code: `export { tidy } from '../middleware/tidy.ts';\n`,
    rule: imports,
    says: 'src/testing imports src/core, src/lib and src/testing.',
  },
  {
    what: 'the test kit importing a test runner',
    file: 'src/testing/runner.ts',
    code: `export { test } from 'vitest';\n`,
    rule: imports,
    says: 'src/testing is for any test runner, and needs no package.',
  },
  {
    what: 'a file of src without a rule of its own',
    file: 'src/helpers/stray.ts',
    code: `export { helper } from '../lib/helper.ts';\n`,
    rule: imports,
    says: 'Give this file a floor in .oxlintrc.json first.',
  },
  {
    what: 'an adapter importing lib',
    file: 'adapters/storage/reaching.ts',
    code: `export { helper } from '../../src/lib/helper.ts';\n`,
    rule: imports,
    says: 'An adapter imports src/core, src/telemetry and packages',
  },
  {
    what: 'the options of a call importing an entry point',
    file: 'src/call-options.ts',
    code: `export { createFetch } from './fetch.ts';\n`,
    rule: imports,
    says: 'This file is below the entry points.',
  },
  {
    what: 'an adapter importing another one',
    file: 'adapters/storage/leaning.ts',
    code: `export { plain } from './plain.ts';\n`,
    rule: imports,
    says: 'An adapter imports src/core, src/telemetry and packages',
  },
  {
    what: 'a part of a shared limit importing a policy',
    file: 'adapters/limit/reaching.ts',
    code: `export { tidy } from '../../src/middleware/tidy.ts';\n`,
    rule: imports,
    says: 'A part of a shared limit imports src/core',
  },
  {
    what: 'the storage of Redis importing a policy',
    file: 'adapters/storage/redis.ts',
    code: `export { tidy } from '../../src/middleware/tidy.ts';\n`,
    rule: imports,
    says: 'A storage imports src/core, its part in adapters/limit and packages.',
  },
  {
    what: 'a source of policy documents importing a policy',
    file: 'adapters/policy/reaching.ts',
    code: `export { tidy } from '../../src/middleware/tidy.ts';\n`,
    rule: imports,
    says: 'A source imports src/core, src/policy, its neighbours and packages.',
  },
  {
    what: 'the transport importing lib',
    file: 'adapters/transport/undici/part.ts',
    code: `export { helper } from '../../../src/lib/helper.ts';\n`,
    rule: imports,
    says: 'A part of the transport imports src/core',
  },
  {
    what: 'the command importing a policy by its file',
    file: 'adapters/cli/load/reaching.ts',
    code: `export { tidy } from '../../../src/middleware/tidy.ts';\n`,
    rule: imports,
    says: 'The command imports what kyoa exports, src/core, the transport and packages.',
  },
  {
    what: 'the playground importing the sources',
    file: 'playground/inside.ts',
    code: `export { helper } from '../src/lib/helper.ts';\n`,
    rule: imports,
    says: 'The playground uses the public API only',
  },
  {
    what: 'a cycle',
    file: 'src/lib/chicken.ts',
    code: `import { egg } from './egg.ts';\nexport const chicken = (): unknown => egg;\n`,
    rule: 'import(no-cycle)',
    says: 'Dependency cycle detected',
  },
  {
    what: 'a cycle of types in an adapter',
    file: 'adapters/transport/undici/chicken.ts',
    code: `import type { Egg } from './egg.ts';\nexport interface Chicken {\n  readonly egg: Egg;\n}\n`,
    rule: 'import(no-cycle)',
    says: 'Dependency cycle detected',
  },
  {
    what: 'a default export',
    file: 'src/lib/default.ts',
    code: `export default 1;\n`,
    rule: 'import(no-default-export)',
    says: 'Prefer named exports',
  },
  {
    what: 'a floating promise',
    file: 'src/lib/floating.ts',
    code: `export function start(work: () => Promise<void>): void {\n  work();\n}\n`,
    rule: 'typescript(no-floating-promises)',
    says: 'Promises must be awaited',
  },
];

const accepted: Readonly<Record<string, string>> = {
  'src/core/plain.ts': `export interface Plain {\n  readonly signal: AbortSignal;\n}\n`,
  'src/core/beside.ts': `export type { Plain } from './plain.ts';\n`,
  'src/core/engine/cog.ts': `export const cog = 1;\n`,
  'src/core/wheel.ts': `export { cog } from './engine/cog.ts';\n`,
  'src/telemetry/word.ts': `export { cog as word } from '../core/engine/cog.ts';\n`,
  'src/lib/body/piece.ts': `
import type { Plain } from '../../core/plain.ts';
import { helper } from '../helper.ts';

export const piece = (plain: Plain): unknown => [plain, helper];
`,
  'src/middleware/orderly/part.ts': `export { piece as part } from '../../lib/body/piece.ts';\n`,
  'src/middleware/orderly/orderly.ts': `
import { word } from '../../telemetry/word.ts';
import { part } from './part.ts';

export const orderly: unknown = [word, part];
`,
  'src/lib/helper.ts': `
import pRetry from 'p-retry';
import type { Plain } from '../core/plain.ts';

export interface Helper {
  readonly plain: Plain;
}

export async function helper({ signal }: Plain): Promise<unknown> {
  return pRetry(() => fetch('https://example.com'), { signal });
}
`,
  'src/lib/egg.ts': `import { chicken } from './chicken.ts';\nexport const egg = (): unknown => chicken;\n`,
  'adapters/transport/undici/egg.ts': `
import type { Chicken } from './chicken.ts';

export interface Egg {
  readonly chicken: Chicken;
}
`,
  'src/middleware/tidy.ts': `
import type { Plain } from '../core/plain.ts';
import { helper } from '../lib/helper.ts';

export function tidy(plain: Plain): () => Promise<unknown> {
  return async function tidy() {
    return await helper(plain);
  };
}
`,
  'adapters/storage/plain.ts': `
import { readFile } from 'node:fs/promises';
import type { Plain } from '../../src/core/plain.ts';

export const plain = async ({ signal }: Plain): Promise<Buffer> => readFile('plain', { signal });
`,
  'adapters/policy/source.ts': `
import { schemas } from '../../src/policy/schemas.ts';
import { polling } from './polling.ts';

export const source: unknown = [schemas, polling];
`,
  'adapters/policy/polling.ts': `export const polling = 1;\n`,
  'adapters/transport/undici/piece.ts': `
import { errors } from 'undici';
import type { Plain } from '../../../src/core/plain.ts';

export const piece = (plain: Plain): unknown => [plain, errors];
`,
  'adapters/cli/command.ts': `
import { piece } from '../transport/undici/piece.ts';
import type { Plain } from '../../src/core/plain.ts';

export const command = (plain: Plain): unknown => piece(plain);
`,
  'adapters/storage/memory.ts': `export const memory = new Map<string, string>();\n`,
  'playground/outside.ts': `
import process from 'node:process';
import { createFetch } from 'kyoa';
import { file } from 'kyoa/file';

export const outside: unknown = [process.pid, createFetch, file];
`,
};

// Some probes have the names of these, so these stand only where all is well.
const faces: Readonly<Record<string, string>> = {
  'src/fetch.ts': `
import { memory } from '../adapters/storage/memory.ts';
import { tidy } from './middleware/tidy.ts';

export const createFetch: unknown = [memory, tidy];
`,
  'src/standard.ts': `export { tidy as standard } from './middleware/tidy.ts';\n`,
  'src/kyoa.ts': `
import ky from 'ky';
import { createFetch } from './fetch.ts';
import { call } from './kyoa/call.ts';
import { standard } from './standard.ts';

const kyoa: unknown = [ky, call, createFetch, standard];
export default kyoa;
`,
  'src/kyoa/call.ts': `
import ky from 'ky';
import { createFetch } from '../fetch.ts';
import { tidy } from '../middleware/tidy.ts';

export const call: unknown = [ky, createFetch, tidy];
`,
  'src/policy/schemas.ts': `
import { helper } from '../lib/helper.ts';
import { tidy } from '../middleware/tidy.ts';

export const schemas: unknown = [helper, tidy];
`,
  'src/events.ts': `export { events } from './event-streams/events.ts';\n`,
  'src/event-streams/events.ts': `
import { helper } from '../lib/helper.ts';
import { brand } from '../transport.ts';

export const events: unknown = [helper, brand];
`,
  'src/testing.ts': `export { clause } from './testing/clause.ts';\n`,
  'src/testing/clause.ts': `export { helper as clause } from '../lib/helper.ts';\n`,
  'src/index.ts': `export { default } from './kyoa.ts';\nexport { memory } from '../adapters/storage/memory.ts';\n`,
};

const tool = (path: string): string => join(root, 'node_modules', path);
const houses: string[] = [];

function build(files: Readonly<Record<string, string>>): string {
  const house = mkdtempSync(join(tmpdir(), 'kyoa-house-'));
  houses.push(house);
  for (const name of ['.oxlintrc.json', 'package.json', 'tsconfig.json'])
    copyFileSync(join(root, name), join(house, name));
  symlinkSync(tool(''), join(house, 'node_modules'));
  for (const [path, code] of Object.entries(files)) {
    mkdirSync(dirname(join(house, path)), { recursive: true });
    writeFileSync(join(house, path), code);
  }
  return house;
}

function lint(house: string): readonly Diagnostic[] {
  const args = [tool('oxlint/bin/oxlint'), '--format=json', 'src', 'adapters', 'playground'];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: house, encoding: 'utf8' });
  expect(stderr).toBe('');
  return (JSON.parse(stdout) as { diagnostics: readonly Diagnostic[] }).diagnostics;
}

afterAll(() => {
  for (const house of houses) rmSync(house, { recursive: true });
});

describe('the linter', () => {
  let found: readonly Diagnostic[];

  beforeAll(() => {
    const probes = Object.fromEntries(rejected.map(({ file, code }) => [file, code]));
    found = lint(build({ ...accepted, ...probes }));
  });

  test('is probed with one file a rule', () => {
    expect(new Set(rejected.map(({ file }) => file)).size).toBe(rejected.length);
  });

  for (const { what, file, rule, says } of rejected) {
    test(`rejects ${what}`, () => {
      const said = found.filter(({ filename }) => filename === file);
      expect(said.map(({ code }) => code)).toEqual([rule]);
      expect(`${said[0]?.message} ${said[0]?.help}`).toContain(says);
    });
  }

  test('accepts a house in which every arrow points down', () => {
    const { 'src/lib/egg.ts': _, 'adapters/transport/undici/egg.ts': __, ...files } = accepted;
    expect(lint(build({ ...files, ...faces }))).toEqual([]);
  });
});

describe('the compiler', () => {
  const check = (code: string): string => {
    const house = build({ 'src/index.ts': code });
    return spawnSync(process.execPath, [tool('typescript/bin/tsc')], { cwd: house, encoding: 'utf8' }).stdout;
  };

  test.each([
    ['process', 'export const it: unknown = process;'],
    ['Buffer', 'export const it: unknown = Buffer;'],
    ['setImmediate', 'export const it: unknown = setImmediate;'],
    ['node:fs', `export { readFileSync } from 'node:fs';`],
  ])('does not know %s in src', (name, code) => {
    expect(check(code)).toMatch(new RegExp(`^src/index.ts\\(1,\\d+\\): error TS\\d+: Cannot find .*'${name}'`));
  });

  test('is not taught the types of Node by a dependency', () => {
    const packages = ['eventsource-parser', 'idb-keyval', 'is-network-error', 'ky', 'p-retry', 'p-timeout'];
    const code = packages.map((name, i) => `export * as p${i} from '${name}';\n`).join('');
    expect(check(code)).toBe('');
    expect(check(`${code}export const it: unknown = process;`)).toContain(`Cannot find name 'process'`);
  });
});
