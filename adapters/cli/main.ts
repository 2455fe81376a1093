#!/usr/bin/env node
/** The command `kyoa`: the file that npm links as `node_modules/.bin/kyoa`. */
import process from 'node:process';

import { run } from './command.ts';

process.exitCode = await run(process.argv.slice(2));
