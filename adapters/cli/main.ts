#!/usr/bin/env node
/** The command `kyoa`: the file that npm links as `node_modules/.bin/kyoa`. */
import process from 'node:process';

import { run } from './command.ts';

/** A reader that has seen enough, such as `head`, ends the command as SIGPIPE ends others. */
function end({ code, message }: NodeJS.ErrnoException): never {
  if (code === 'EPIPE') process.exit(128 + 13);
  process.stderr.write(`kyoa: the output cannot be written: ${message}\n`);
  process.exit(2);
}
process.stdout.on('error', end);
process.stderr.on('error', () => process.exit(2));

process.exitCode = await run(process.argv.slice(2));
