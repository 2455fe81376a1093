/**
 * `npm test` runs lint, types, build and then every lane but `pages`, up to the first failure. With names of lanes it runs only
 * these lanes: `node test/run.ts node dom`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  filesOf,
  findChromium,
  findEtcd,
  findNginx,
  findPrometheus,
  findRedis,
  lanes,
  root,
  type LaneName,
} from './support/lanes.ts';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Tool {
  readonly name: string;
  readonly lanes: readonly LaneName[];
  readonly package: string;
  readonly find: () => string | undefined;
}

const tools: readonly Tool[] = [
  { name: 'Chromium', lanes: ['node', 'browser', 'nginx', 'pages'], package: 'chromium', find: findChromium },
  { name: 'redis-server', lanes: ['redis'], package: 'redis-server', find: findRedis },
  { name: 'etcd', lanes: ['etcd'], package: 'etcd-server', find: findEtcd },
  { name: 'nginx', lanes: ['nginx'], package: 'nginx-light', find: findNginx },
  { name: 'Prometheus', lanes: ['node'], package: 'prometheus', find: findPrometheus },
];

const all = Object.keys(lanes) as LaneName[];
const named = process.argv.slice(2);
const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
const summary: string[] = [];
const notes: string[] = [];

/** Many tests start programs of their own, and to strip the types of kyoa takes each of them half a second. */
process.env['NODE_COMPILE_CACHE'] ??= join(root, 'node_modules/.cache/node-compile');

process.exitCode = main() ? 0 : 1;

function main(): boolean {
  const unknown = named.find((name) => !Object.hasOwn(lanes, name));
  if (unknown !== undefined) {
    console.error(`There is no lane "${unknown}". The lanes are ${all.join(', ')}.`);
    return false;
  }
  const isApart = (name: LaneName): boolean => 'isApart' in lanes[name];
  const chosen = all.filter((name) => (named.length > 0 ? named.includes(name) : !isApart(name)));
  const steps: (() => boolean)[] = [() => step('tools', () => provide(chosen))];
  if (named.length === 0) {
    for (const script of ['lint', 'types', 'build']) {
      steps.push(() => step(script, () => run('npm', ['run', '--silent', script])));
    }
  }
  steps.push(...chosen.map((name) => () => step(name, () => runLane(name))));

  const passed = steps.every((next) => next());
  if (!passed && counts.failed === 0) counts.failed = 1;
  console.log(`\n${summary.join('\n')}\n`);
  if (counts.skipped > 0) notes.push(`${counts.skipped} tests were skipped.`);
  for (const note of notes) console.log(note);
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  return passed;
}

function step(name: string, work: () => boolean): boolean {
  console.log(`\n== ${name}`);
  const started = performance.now();
  const passed = work();
  const seconds = `${((performance.now() - started) / 1000).toFixed(1)} s`;
  summary.push(`${passed ? 'ok    ' : 'FAILED'}  ${name.padEnd(8)} ${seconds.padStart(8)}`);
  console.log(passed ? `== ${name}: ok, ${seconds}` : `== ${name}: FAILED after ${seconds}; later steps were not run`);
  return passed;
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): boolean {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error) console.error(`${command}: ${error.message}`);
  return status === 0;
}

function runLane(name: LaneName): boolean {
  const files = filesOf(name);
  if (files.length === 0) {
    notes.push(`The lane ${name} has no tests: no file matches ${lanes[name].include.join(' or ')}.`);
    console.log(notes.at(-1));
    return name === 'redis';
  }
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-'));
  const report = join(folder, 'report.json');
  try {
    const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', 'test/vitest.config.ts'];
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const passed = run(process.execPath, [...vitest, '--project', name, '--allowOnly=false', ...reporters]);
    return tally(report) && passed;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Adds up the report of a lane. False if there is no report, or if no test passed. */
function tally(report: string): boolean {
  if (!existsSync(report)) return false;
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(
    readFileSync(report, 'utf8'),
  ) as Record<'numPassedTests' | 'numFailedTests' | 'numPendingTests' | 'numTodoTests', number>;
  counts.passed += numPassedTests;
  counts.failed += numFailedTests;
  counts.skipped += numPendingTests + numTodoTests;
  return numPassedTests > 0;
}

/** Installs the missing tools of the lanes, or prints the command that does. A lane is never skipped. */
function provide(chosen: readonly LaneName[]): boolean {
  const missing = tools.filter(
    ({ lanes, find }) => lanes.some((lane) => chosen.includes(lane)) && find() === undefined,
  );
  if (missing.length === 0) return true;

  const path = process.env['CHROMIUM_PATH'];
  if (path && missing.some(({ name }) => name === 'Chromium')) {
    console.error(`CHROMIUM_PATH is ${path}, but this file does not exist.`);
    return false;
  }

  const names = missing.map(({ name }) => name).join(' and ');
  const packages = missing.map((tool) => tool.package);
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    const command = 'sudo apt-get update && sudo apt-get install -y --no-install-recommends';
    console.error(`${names} not found. Install with\n\n  ${command} ${packages.join(' ')}\n`);
    if (packages.includes('chromium')) console.error('or set CHROMIUM_PATH to the path of an installed Chromium.');
    return false;
  }

  console.log(`${names} not found: installing with apt-get (this is Debian, and the user is root).`);
  // Runlevel 1 prevents the packages from starting their servers. The tests start their own.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const wait = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
  if (!run('apt-get', [...wait, 'update'], env) || !run('apt-get', [...wait, ...install], env)) return false;

  const still = missing.filter(({ find }) => find() === undefined);
  for (const { name } of still) console.error(`${name} was installed but is not found.`);
  return still.length === 0;
}
