/** The command line of `kyoa`: its subcommands, its help and its errors. */
import { readFileSync } from 'node:fs';
import { styleText } from 'node:util';

import { Command, CommanderError } from 'commander';

import { advise } from './advise/advise.ts';
import { check } from './check/check.ts';
import { drill } from './drill/drill.ts';
import { load } from './load/load.ts';

/** Adds a subcommand. Its action returns the exit code. */
export type Subcommand = (program: Command, exit: (code: number) => void) => void;

/** A new subcommand is one entry here, in the order of the help. */
const subcommands: readonly Subcommand[] = [check, load, advise, drill];

/** Nothing is wrong; a threshold was missed; the command line is wrong. */
export type ExitCode = 0 | 1 | 2;

const about = `Resilient fetch as middleware, from the command line.

  $ npx kyoa check policy.json
  $ npx kyoa load http://127.0.0.1:8080/ --rate 200 --for 60s`;

/** Runs the command and returns its exit code. */
export async function run(args: readonly string[]): Promise<number> {
  let code = 0;
  const program = new Command('kyoa')
    .description(about)
    .version(version(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this text')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp({ styleTitle: (title) => styleText('bold', title, { validateStream: false }) })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'kyoa: ')) })
    .exitOverride();
  for (const subcommand of subcommands) subcommand(program, (result) => (code = result));
  for (const command of program.commands) {
    command.copyInheritedSettings(program).showHelpAfterError(`kyoa ${command.name()} --help lists the options.`);
  }
  program.showHelpAfterError('kyoa --help lists the commands.');

  try {
    await program.parseAsync(args.length === 0 ? ['--help'] : [...args], { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
}

/** The sources and the built file are both two folders below the manifest. */
function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
