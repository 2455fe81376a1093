/**
 * `npm run test:runtimes` checks the built package on every runtime of `runtimes/`, one after the other, and compares the
 * outcome with the table of docs/runtimes.md. With `--write` it writes the table. Names of runtimes run these alone:
 * `node test/runtimes.ts deno`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bun } from './runtimes/bun.ts';
import { capabilities, type Runtime } from './runtimes/capabilities.ts';
import { chromium } from './runtimes/chromium.ts';
import { deno } from './runtimes/deno.ts';
import { firefox } from './runtimes/firefox.ts';
import { next } from './runtimes/next.ts';
import { node } from './runtimes/node.ts';
import { described } from './runtimes/outcomes.ts';
import { expo, reactNative } from './runtimes/react-native.ts';
import { startServer } from './runtimes/server.ts';
import { differences, tableOf, withTable, type Report } from './runtimes/table.ts';
import { workers } from './runtimes/workers.ts';
import { root } from './support/lanes.ts';

const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const writes = process.argv.includes('--write');

if (!existsSync(join(root, 'dist'))) execFileSync('npm', ['run', 'build'], { cwd: root, stdio: 'inherit' });

const places = ['page', 'module worker', 'service worker'] as const;

await using server = await startServer();
const all: readonly Runtime[] = [
  ...[22, 24, 26].map((major) => node(major, server)),
  deno(server),
  bun(server),
  workers(server),
  ...places.map((place) => chromium(place, server)),
  ...places.map((place) => firefox(place, server)),
  reactNative(server),
  expo(server),
  next(server),
];
const chosen = named.length === 0 ? all : all.filter(({ name }) => named.includes(name.split(' ')[0]!.toLowerCase()));

const reports: Report[] = [];
for (const runtime of chosen) reports.push(await reportOf(runtime));

const file = join(mkdtempSync(join(tmpdir(), 'kyoa-runtimes-')), 'report.json');
writeFileSync(file, JSON.stringify(reports, undefined, 2));
console.log(`\n${reports.map(summary).join('\n')}\n\nThe report is in ${file}`);

const problems = reports.flatMap(({ name, failures }) => failures.map((failure) => `${name}: ${failure.name}`));
if (problems.length === 0 && named.length === 0) problems.push(...comparedWithPage());
for (const problem of problems) console.error(`FAILED  ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** Runs the checks of a runtime. A capability that is neither checked nor excluded with a reason is a failure. */
async function reportOf(runtime: Runtime): Promise<Report> {
  const { name, column, without } = runtime;
  console.log(`\n== ${name}`);
  const passed: string[] = [];
  const failures: { name: string; error: string }[] = [];
  const fail = (what: string, error: unknown): void => {
    failures.push({ name: what, error: described(error) });
    console.log(`FAILED  ${what}\n${described(error).replace(/^/gm, '          ')}`);
  };
  const started = performance.now();
  let version = 'unknown';
  try {
    version = await runtime.run(async (what, work) => {
      try {
        await work();
        passed.push(what);
        console.log(`ok      ${what}`);
      } catch (error) {
        fail(what, error);
      }
    });
  } catch (error) {
    fail('the runtime starts', error);
  }
  const known = new Set([...passed, ...failures.map(({ name }) => name), ...Object.keys(without)]);
  for (const capability of capabilities) if (!known.has(capability)) fail(capability, 'It was not checked');
  for (const [capability, reason] of Object.entries(without)) console.log(`-       ${capability}: ${reason}`);
  return { name, column, version, without, passed, failures, seconds: (performance.now() - started) / 1_000 };
}

function summary({ name, version, seconds, passed, failures }: Report): string {
  const state = failures.length === 0 ? 'ok    ' : 'FAILED';
  const counts = `${passed.length} passed, ${failures.length} failed`;
  return `${state}  ${name.padEnd(26)} ${version.padEnd(14)} ${`${seconds.toFixed(1)} s`.padStart(8)}  ${counts}`;
}

/** With `--write`, writes the table into the page. Returns how the page differs from the reports. */
function comparedWithPage(): string[] {
  const page = join(root, 'docs/runtimes.md');
  const text = readFileSync(page, 'utf8');
  if (writes) writeFileSync(page, withTable(text, tableOf(reports)));
  return differences(readFileSync(page, 'utf8'), tableOf(reports));
}
