/** `kyoa drill`: rehearses disasters. It walks through a list of faults, and says what callers saw. */
import process from 'node:process';

import type { Command } from 'commander';

import type { LivePolicy } from '../../../src/policy.ts';
import { integer, ms, percent, span } from '../format.ts';
import { policyOf, textOf, type ProgramFlags } from '../policy-file.ts';
import { paintFor, type Paint } from '../terminal.ts';
import { middleware, percentage } from '../values.ts';
import { drillOf, faultOf, type Drill } from './drill-file.ts';
import { rehearse, type Seen, type StepResult } from './rehearsal.ts';

const details = `
The calls go to a service on this machine, in place of every host that they name, and no request leaves it. Each step
lasts as long as the file says; the same calls go through plain fetch beside the policy.

faults.json:
  {
    "urls": ["https://api.example.com/orders"], "rate": 20, "latency": ["10ms", "40ms"],
    "steps": [
      { "name": "all is well", "for": "5s" },
      { "name": "region eu is down", "for": "10s", "at": "https://eu.example.com/*", "error": "refused" },
      { "name": "one in five is slow", "for": "10s", "rate": 0.2, "delay": "2s" }
    ]
  }
A fault is one or more of delay, status, error ("refused", "reset", "hang") and cut (a share of the body).

Examples:
  $ kyoa drill policy.json faults.json
  $ kyoa drill policy.json faults.json --max-errors 0%       (exit code 1 if a step has more)
`;

interface Flags extends ProgramFlags {
  readonly maxErrors?: number;
  readonly json?: boolean;
}

export function drill(program: Command, exit: (code: number) => void): void {
  const command: Command = program
    .command('drill')
    .summary('rehearse disasters, and see what callers see')
    .description('Walks through a list of faults with a policy, and says what callers saw in each step.')
    .argument('[policy]', 'the policy document')
    .argument('[faults]', 'the list of faults')
    .usage('<policy.json> <faults.json> [options]')
    .option('--environment <name>', "which of the document's environments is in force")
    .option('--middleware <names>', 'middleware of the program that the document may name', middleware)
    .option('--max-errors <percentage>', 'exit with 1 if in a step more calls have failed', percentage)
    .option('--json', 'print the result as JSON')
    .addHelpText('after', details);
  command.action(async (document: string | undefined, faults: string | undefined) => {
    if (document === undefined || faults === undefined)
      command.error('error: drill needs two files: kyoa drill policy.json faults.json');
    const flags = command.opts<Flags>();
    const plan = planOf(faults, command);
    const live = policyOf(document, command, flags);
    exit(await perform(plan, live, flags));
  });
}

function planOf(file: string, command: Command): Drill {
  try {
    return drillOf(textOf(file, command));
  } catch (error) {
    return command.error(`error: ${file} is no list of faults: ${(error as Error).message}`);
  }
}

async function perform(plan: Drill, live: LivePolicy, { json, maxErrors = 1 }: Flags): Promise<number> {
  const stop = new AbortController();
  const interrupt = (): void => (stop.signal.aborted ? process.exit(130) : stop.abort());
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    const paint = paintFor(process.stderr);
    const whole = plan.steps.reduce((sum, step) => sum + step.for, 0);
    process.stderr.write(`${plan.steps.length} steps, ${span(whole)}, ${plan.rate} calls a second\n`);
    const results = await rehearse(plan, live, stop.signal, (step) => {
      process.stderr.write(paint('dim', `${step.name}: ${faultOf(step)}, for ${span(step.for)}\n`));
    });
    const text = json
      ? JSON.stringify(results.map(plainData), null, 2)
      : results.map(linesOf(paintFor(process.stdout))).join('\n');
    process.stdout.write(`${text}\n`);
    return results.every(({ kyoa }) => kyoa.calls === 0 || kyoa.failed / kyoa.calls <= maxErrors) ? 0 : 1;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

function plainData({ step, kyoa, plain }: StepResult): object {
  const facts = ({ calls, failed, failures, requests, latencies, events }: Seen): object => {
    return { calls, failed, failures, requests, latency: latencies.percentiles(), events };
  };
  return { step: step.name, fault: faultOf(step), kyoa: facts(kyoa), plainFetch: facts(plain) };
}

function linesOf(paint: Paint): (result: StepResult) => string {
  return ({ step, kyoa, plain }) =>
    [
      '',
      `${paint('bold', step.name)}  ${faultOf(step)}`,
      `  with the policy  ${sentenceOf(kyoa, paint)}`,
      ...(didOf(kyoa) === '' ? [] : [`                   ${paint('dim', didOf(kyoa))}`]),
      `  plain fetch      ${sentenceOf(plain, paint)}`,
    ].join('\n');
}

function sentenceOf({ calls, failed, failures, latencies, requests }: Seen, paint: Paint): string {
  const { p50, p99 } = latencies.percentiles();
  const kinds = Object.entries(failures).map(([kind, count]) => `${integer(count)} ${kind}`);
  const lost =
    failed === 0
      ? paint('green', 'none failed')
      : paint('red', `${integer(failed)} failed (${percent(failed / calls)}: ${kinds.join(', ')})`);
  const times = latencies.count === 0 ? 'no good response' : `p50 ${ms(p50)}, p99 ${ms(p99)}`;
  return `${integer(calls)} calls, ${lost}, ${times}, ${(requests / Math.max(1, calls)).toFixed(2)} requests a call`;
}

const deeds: Readonly<Record<string, readonly [one: string, several: string]>> = {
  'retry.scheduled': ['retry', 'retries'],
  'retry.abandoned': ['retry given up', 'retries given up'],
  'hedge.launched': ['copy', 'copies'],
  'hedge.won': ['copy that won', 'copies that won'],
  'timeout.exceeded': ['limit reached', 'limits reached'],
  'breaker.opened': ['circuit opened', 'circuits opened'],
  'breaker.rejected': ['call refused by an open circuit', 'calls refused by an open circuit'],
  'limit.rejected': ['call refused by a limit', 'calls refused by a limit'],
  'endpoint.ejected': ['endpoint ejected', 'endpoints ejected'],
  'fallback.used': ['substitute', 'substitutes'],
  'stale-if-error.served': ['stored response', 'stored responses'],
};

/** What the policies did. */
function didOf({ events }: Seen): string {
  return Object.entries(deeds)
    .flatMap(([type, [one, several]]) => {
      const count = events[type] ?? 0;
      return count === 0 ? [] : `${integer(count)} ${count === 1 ? one : several}`;
    })
    .join(', ');
}
