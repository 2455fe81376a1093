/** `kyoa check`: says what a policy document means, what is wrong with it, and what is hardly meant. */
import process from 'node:process';

import type { Command } from 'commander';

import { checkPolicy, type PolicyCheck, type PolicyProblem } from '../../../src/policy.ts';
import { placeOf, textOf, type ProgramFlags } from '../policy-file.ts';
import { paintFor, type Paint } from '../terminal.ts';
import { middleware } from '../values.ts';

const details = `
Exit codes: 0 if the document is right, 1 if it would be refused (with --strict, also for mistakes), 2 if the command line
is wrong or the file cannot be read.

Examples:
  $ kyoa check policy.json
  $ kyoa check policy.json --environment production --strict
  $ kyoa check policy.json --middleware tenant,auth       (names that the program gives to policy())
`;

interface Flags extends ProgramFlags {
  readonly env?: boolean;
  readonly strict?: boolean;
  readonly json?: boolean;
}

export function check(program: Command, exit: (code: number) => void): void {
  const command: Command = program
    .command('check')
    .summary('say what a policy document means, and what is wrong with it')
    .description('Says what a policy document means, what is wrong with it, and what is permitted and hardly meant.')
    .argument('[file]', 'the policy document')
    .usage('<file> [options]')
    .option('--environment <name>', "which of the document's environments is in force")
    .option('--middleware <names>', 'middleware of the program that the document may name', middleware)
    .option('--env', 'refuse a reference to a variable that is not set here')
    .option('--strict', 'exit with 1 for mistakes, too')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', details);
  command.action((file: string | undefined) => {
    if (file === undefined) command.error('error: check needs a file: kyoa check policy.json');
    exit(perform(file, textOf(file, command), command.opts<Flags>()));
  });
}

function perform(file: string, text: string, { middleware, environment, env, strict, json }: Flags): number {
  const result = checkPolicy(text, {
    middleware,
    environment,
    ...(env && { env: (name) => process.env[name] }),
  });
  const output = json ? JSON.stringify(result, null, 2) : summaryOf(file, result, paintFor(process.stdout)).join('\n');
  process.stdout.write(`${output}\n`);
  return result.problems.length > 0 || (strict && result.mistakes.length > 0) ? 1 : 0;
}

function summaryOf(file: string, { problems, mistakes, description }: PolicyCheck, paint: Paint): string[] {
  if (problems.length > 0) {
    const head = `${file} would be refused: ${counted(problems.length, 'problem')}.`;
    return [paint('red', head), ...problems.flatMap((problem) => placed(problem, paint))];
  }
  const stack = description.filter(({ path }) => !path.startsWith('routes'));
  const routes = description.filter(({ path }) => path.startsWith('routes'));
  const head = mistakes.length === 0 ? paint('green', `${file} is right.`) : `${file} is right in form.`;
  return [
    head,
    '',
    paint('bold', 'The stack, outermost first'),
    ...stack.map(({ sentence }) => `  ${sentence}`),
    ...(routes.length === 0 ? [] : ['', paint('bold', 'Routes'), ...routes.map(({ sentence }) => `  ${sentence}`)]),
    ...(mistakes.length === 0 ? [] : ['', paint('yellow', `${counted(mistakes.length, 'mistake')}, most likely`)]),
    ...mistakes.flatMap((mistake) => placed(mistake, paint)),
  ];
}

function placed(problem: PolicyProblem, paint: Paint): string[] {
  return [`  ${paint('dim', placeOf(problem))}`, `    ${problem.message}`];
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
