/** `kyoa advise`: measures a server gently, and proposes a policy document. */
import { writeFileSync } from 'node:fs';
import process from 'node:process';

import type { Command } from 'commander';

import { integer } from '../format.ts';
import { paintFor, showLive, type Paint } from '../terminal.ts';
import { count, header, outputFile, rate, url } from '../values.ts';
import { adviceOn, type Advice } from './advice.ts';
import { measure, type Request } from './measure.ts';

const details = `
It sends a few GET requests a second, none while another one is under way, and rests as long as a response took. It
prints the reasons on stderr and the document on stdout.

Examples:
  $ kyoa advise https://api.example.com/users --expect 200
  $ kyoa advise https://api.example.com/users > policy.json
  $ kyoa advise https://api.example.com/users --header 'authorization: Bearer ...' --out policy.json

Send requests only to servers that are yours, or that permit it.
`;

interface Flags {
  readonly calls: number;
  readonly rate: number;
  readonly expect: number;
  readonly header?: readonly [string, string][];
  readonly out?: string;
}

export function advise(program: Command, exit: (code: number) => void): void {
  const command: Command = program
    .command('advise')
    .summary('measure a server gently, and propose a policy document')
    .description('Measures a server gently, and proposes a policy document with the reason of each option.')
    .argument('[url]', 'an address that may be called repeatedly')
    .usage('<url> [options]')
    .option('--calls <number>', 'how many calls to measure', count, 100)
    .option('--rate <number>', 'calls a second, at most', rate, 5)
    .option('--expect <number>', 'the calls a second that your program sends at its peak', rate, 50)
    .option('--header <header>', `a header, 'name: value'; may be repeated`, header)
    .option('--out <file>', 'write the document to a file', outputFile)
    .addHelpText('after', details);
  command.action(async (target: string | undefined) => {
    if (target === undefined) command.error('error: advise needs a URL: kyoa advise https://api.example.com/users');
    const flags = command.opts<Flags>();
    exit(await perform({ ...flags, url: addressOf(target, command), header: flags.header ?? [] }, flags));
  });
}

function addressOf(target: string, command: Command): string {
  try {
    return url(target);
  } catch (error) {
    return command.error(`error: '${target}' is no URL. ${(error as Error).message}`);
  }
}

async function perform(request: Request, { expect, out }: Flags): Promise<number> {
  const stop = new AbortController();
  const interrupt = (): void => (stop.signal.aborted ? process.exit(130) : stop.abort());
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const { stderr } = process;
  const paint = paintFor(stderr);
  let done = 0;
  const state = (): string => `${done} of ${request.calls} calls measured`;
  try {
    const view = showLive(
      stderr,
      { frame: () => `${state()}\n${paint('dim', 'Ctrl-C ends the measurement.')}`, line: state },
      5_000,
    );
    const samples = await measure(request, stop.signal, (count) => (done = count)).finally(() =>
      view[Symbol.dispose](),
    );
    if (!samples.samples.some(({ headers }) => headers !== undefined)) {
      const [first] = samples.samples;
      stderr.write(`kyoa: no call succeeded (${first?.failure ?? 'none was sent'}). Is the address right?\n`);
      return 1;
    }
    const advice = adviceOn(samples, expect);
    stderr.write(`${textOf(advice, paint, samples.samples.length)}\n`);
    const json = `${JSON.stringify(advice.document, null, 2)}\n`;
    if (out === undefined) process.stdout.write(json);
    else {
      writeFileSync(out, json);
      stderr.write(`\nThe document is in ${out}. kyoa check ${out} explains it.\n`);
    }
    return 0;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

function textOf({ reasons, warnings }: Advice, paint: Paint, calls: number): string {
  return [
    paint('bold', `What ${integer(calls)} calls say`),
    ...reasons.map(([policy, reason]) => `  ${paint('cyan', policy.padEnd(8))} ${reason}.`),
    '',
    ...warnings.map((warning) => paint('yellow', `! ${warning}`)),
    '',
  ].join('\n');
}
