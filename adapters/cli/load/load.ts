/** `kyoa load`: sends calls to a URL by a schedule, and measures them. */
import { writeFileSync } from 'node:fs';
import process from 'node:process';

import { Option, type Command } from 'commander';

import { policyOf, type ProgramFlags } from '../policy-file.ts';
import { paintFor, showLive } from '../terminal.ts';
import {
  body,
  count,
  duration,
  factor,
  header,
  method,
  middleware,
  outputFile,
  percentage,
  positiveDuration,
  rate,
  url,
} from '../values.ts';
import type { LoadOptions } from './options.ts';
import { progressOf } from './progress.ts';
import { reportOf } from './report/report.ts';
import { resultOf, type Result } from './result.ts';
import { runLoad } from './run.ts';
import { summaryOf } from './summary.ts';

const details = `
The calls are sent evenly, by an arrival schedule, however slow the server is. The latency of a call counts from when it
was due. They go through a policy document, or kyoa's default stack, with its retries and its breaker. A call has failed
if it rejects, or if its status is 400 or above.

Examples:
  $ kyoa load http://127.0.0.1:8080/ --rate 200 --for 60s
  $ kyoa load http://127.0.0.1:8080/ --rate 200 --peak 1.5 --compare --report report.html
  $ kyoa load http://127.0.0.1:8080/orders --body '{"sku":1}' --header 'content-type: application/json'
  $ kyoa load http://127.0.0.1:8080/ --policy policy.json
  $ kyoa load http://127.0.0.1:8080/ --max-p99 500ms --max-errors 1%      (exit code 1 if one is missed)
  $ kyoa load http://127.0.0.1:8080/ --connections 50 --no-policy         (as wrk and autocannon do)

Send load only to servers that are yours to load.
`;

export function load(program: Command, exit: (code: number) => void): void {
  const command = program
    .command('load')
    .summary('send calls by a schedule, and measure them')
    .description('Sends calls to a URL by a schedule, and measures them.')
    .argument('[url]', 'the address to call')
    .usage('<url> [options]')
    .option('--rate <number>', 'calls a second', rate, 50)
    .addOption(time('--for <duration>', 'how long to measure: 90s, 5m', '30s'))
    .option('--peak <factor>', 'rise to this many times the rate: 1.5', factor, 1)
    .addOption(time('--warmup <duration>', 'calls before the measurement, which do not count', '5s', duration))
    .addOption(
      new Option('--connections <number>', 'keep so many calls in flight instead (closed loop)')
        .argParser(count)
        .conflicts(['rate', 'peak']),
    )
    .option('--method <name>', 'the HTTP method (GET; POST with a body)', method)
    .option('--header <header>', `a header, 'name: value'; may be repeated`, header)
    .option('--body <text>', 'the request body, or @file', body)
    .addOption(time('--timeout <duration>', 'for a call with its retries', '30s'))
    .option('--max-in-flight <number>', 'the most calls in flight at a time', count, 10_000)
    .option('--policy <file>', "a policy document, in place of kyoa's default stack")
    .option('--environment <name>', "which of the document's environments is in force")
    .option('--middleware <names>', 'middleware of the program that the document may name', middleware)
    .option('--no-policy', 'send without any policy, to measure the server alone')
    .option('--compare', 'send each call a second time, through plain fetch')
    .option('--report <file>', 'write a report as one HTML file', outputFile)
    .option('--json', 'print the result as JSON; the progress goes to stderr')
    .option('--max-p99 <duration>', 'exit with 1 if the 99th percentile is above', positiveDuration)
    .option('--max-errors <percentage>', 'exit with 1 if more calls have failed', percentage)
    .addHelpText('after', details);
  command.action(async (target: string | undefined) => exit(await perform(readOptions(command, target))));
}

/** An option that is a duration, whose default the help shows as it would be written. */
function time(flags: string, about: string, initial: string, parse = positiveDuration): Option {
  return new Option(flags, about).argParser(parse).default(parse(initial), initial);
}

type Flags = Omit<LoadOptions, 'url' | 'method' | 'header' | 'policy' | 'live'> &
  Partial<Pick<LoadOptions, 'method' | 'header'>> &
  ProgramFlags & { readonly policy?: string | false };

function readOptions(command: Command, target: string | undefined): LoadOptions {
  if (target === undefined) return command.error('error: load needs a URL: kyoa load http://127.0.0.1:8080/');
  const flags = command.opts<Flags>();
  const name = flags.method ?? (flags.body === undefined ? 'GET' : 'POST');
  if (flags.body !== undefined && /^(GET|HEAD)$/.test(name)) {
    return command.error(`error: a ${name} has no body: leave out --body, or write --method POST`);
  }
  const live = flags.policy ? policyOf(flags.policy, command, flags) : undefined;
  try {
    return {
      ...flags,
      url: url(target),
      method: name,
      header: flags.header ?? [],
      policy: flags.policy !== false,
      live,
    };
  } catch (error) {
    return command.error(`error: '${target}' is no URL. ${(error as Error).message}`);
  }
}

async function perform(options: LoadOptions): Promise<number> {
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    const stream = options.json ? process.stderr : process.stdout;
    const lineEvery = Math.max(1_000, Math.round(options.for / 12_000) * 1_000);
    const run = await runLoad(options, stop.signal, (run) =>
      showLive(stream, progressOf(run, paintFor(stream)), lineEvery),
    );
    const result = resultOf(run);
    print(result, options);
    if (options.report !== undefined) {
      writeFileSync(options.report, reportOf(result));
      stream.write(`\nThe report is in ${options.report}\n`);
    }
    return result.thresholds.every(({ met }) => met) ? 0 : 1;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

function print(result: Result, { json }: LoadOptions): void {
  const text = json ? JSON.stringify(result, null, 2) : summaryOf(result, paintFor(process.stdout));
  process.stdout.write(`${text}\n`);
}
