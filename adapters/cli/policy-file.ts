/** Reads a policy document for a command that runs it. */
import type { Command } from 'commander';

import { checkPolicy, type PolicyDocument } from '../../src/policy.ts';
import { textOf } from './check/check.ts';

/** The document of a file. The command ends, with all that is wrong, if it would be refused. */
export function documentOf(file: string, command: Command): PolicyDocument {
  const text = textOf(file, command);
  const { problems } = checkPolicy(text);
  if (problems.length === 0) return JSON.parse(text) as PolicyDocument;
  const lines = problems.map(({ line, path, message }) => `  line ${line ?? 1}, ${path} ${message}`);
  return command.error(`error: ${file} would be refused:\n${lines.join('\n')}`);
}
