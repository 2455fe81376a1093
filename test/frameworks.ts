/**
 * `npm run test:frameworks` runs the services of `frameworks/project`, which the pages of docs/recipes show, in their real
 * frameworks, with kyoa installed from its tarball. It is not a part of `npm run proof:package`: Next alone is 400 MB to
 * install and takes a minute to build. The frameworks stay in a cache folder outside the repository.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { installed } from './runtimes/cache.ts';
import { root } from './support/lanes.ts';

const source = join(import.meta.dirname, 'frameworks/project');
const { dependencies } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as {
  dependencies: Readonly<Record<string, string>>;
};
const packages = Object.entries(dependencies).map(([name, range]) => `${name}@${range}`);
const folder = installed('frameworks', packages);
const project = join(folder, 'project');

/** Nest 11, for the same compiled service. */
const olderFolder = installed(
  'frameworks-nest-11',
  packages
    .filter((name) => !/^(@types|next@|react)/.test(name))
    .map((name) => name.replace(/^(@nestjs\/.*)@.*/, '$1@11')),
);
const older = join(olderFolder, 'project');

const tarballs = mkdtempSync(join(tmpdir(), 'kyoa-frameworks-'));
try {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', tarballs], { cwd: root });
  for (const each of [folder, olderFolder]) installKyoa(each);
} finally {
  rmSync(tarballs, { recursive: true });
}
for (const each of [project, older]) rmSync(each, { recursive: true, force: true });
cpSync(source, project, { recursive: true });

const tsc = join(folder, 'node_modules/typescript/bin/tsc');
const steps: Readonly<Record<string, readonly string[]>> = {
  types: [tsc, '-p', '.'],
  'Express, Fastify, Nest': ['--test', '--test-timeout=60000', 'out/*.check.js'],
  'Nest 11': ['--test', '--test-timeout=60000', join(older, 'out/nest.check.js')],
  Next: ['--test', '--test-timeout=600000', join(import.meta.dirname, 'frameworks/next.check.ts')],
};
const failed = Object.entries(steps).filter(([name, args]) => {
  console.log(`\n== ${name}`);
  if (name === 'Nest 11') cpSync(project, older, { recursive: true });
  const env = { ...process.env, NODE_OPTIONS: '', KYOA_PROJECT: project };
  return spawnSync(process.execPath, args, { cwd: project, env, stdio: 'inherit' }).status !== 0;
});
for (const [name] of failed) console.error(`FAILED  ${name}`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** As a user does, from the file that npm would publish. */
function installKyoa(folder: string): void {
  const [tarball] = readdirSync(tarballs).filter((name) => name.endsWith('.tgz'));
  const flags = ['--no-save', '--no-audit', '--no-fund', '--loglevel', 'error'];
  execFileSync('npm', ['install', ...flags, join(tarballs, tarball!)], { cwd: folder, stdio: 'inherit' });
}
