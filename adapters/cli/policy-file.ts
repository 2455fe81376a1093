/** Reads a policy document for a command, as a program would. */
import { readFileSync } from 'node:fs';

import type { Command } from 'commander';

import type { Middleware } from '../../src/index.ts';
import { checkPolicy, policy, PolicyError, type LivePolicy, type PolicyProblem } from '../../src/policy.ts';
import { utf8 } from '../policy/http-client.ts';

/** What a command says about the program that has the document. */
export interface ProgramFlags {
  readonly environment?: string;
  /** The names of its own middleware. */
  readonly middleware?: Readonly<Record<string, () => Middleware>>;
}

/** The text of a file. The command ends if it cannot be read. */
export function textOf(file: string, command: Command): string {
  try {
    return utf8(readFileSync(file));
  } catch (error) {
    return command.error(`error: ${file} cannot be read: ${(error as Error).message}`);
  }
}

/** The policy of a file. The command ends, with all that is wrong, if a program would refuse it. */
export function policyOf(file: string, command: Command, { environment, middleware }: ProgramFlags): LivePolicy {
  const text = textOf(file, command);
  const program = { environment, middleware };
  const refuse = (problems: readonly PolicyProblem[]): never => {
    const unknown = problems.some(({ message }) => message.startsWith('is no policy'));
    const remedy = unknown ? '\nThe names of middleware that the program gives belong into --middleware.' : '';
    return command.error(`error: ${file} would be refused:\n${problems.map(lineOf).join('\n')}${remedy}`);
  };
  const { problems } = checkPolicy(text, program);
  if (problems.length > 0) return refuse(problems);
  try {
    return policy(JSON.parse(text), program);
  } catch (error) {
    // A variable of the environment is not set, or its value is wrong.
    if (error instanceof PolicyError) return refuse(error.problems);
    throw error;
  }
}

function lineOf(problem: PolicyProblem): string {
  return `  ${placeOf(problem)} ${problem.message}`;
}

/** `line 4, use[1].retry`. A problem of the whole document has no path. */
export function placeOf({ line, path }: PolicyProblem): string {
  return [line !== undefined && `line ${line}`, path].filter(Boolean).join(', ') || 'the document';
}
