/** The command line of `npm start`. */
import { parseArgs } from 'node:util';
import { findPreset, presets } from '../network/presets.ts';
import type { Preset } from '../network/presets.ts';

export interface Flags {
  readonly help: boolean;
  /** The name of the preset, in the spelling of the command line. */
  readonly name: string;
  readonly preset: Preset;
  readonly seed: number;
  readonly seconds: number;
  /** Calls a second, for each contender. */
  readonly rate: number;
  /** End after the table, without serving the page. */
  readonly once: boolean;
  /** 0 for any free port. */
  readonly port: number;
}

export const help: string = `Sends the same calls through plain fetch and through kyoa to a flaky server, prints a table of both, and then
serves the playground on that server until Ctrl-C.

  npm start -- [flags]

  --preset <name>   the faults of the server (flaky)
${Object.entries(presets)
  .map(([name, { about }]) => `                      ${hyphened(name).padEnd(17)}${about}`)
  .join('\n')}
  --seed <n>        the same seed gives the same faults in the same order (1)
  --seconds <n>     how long to send calls (8)
  --rate <n>        calls a second, through each of the two (150)
  --once            end after the table
  --port <n>        the port of the server (any free port)
  --help            this text`;

/** Throws an error with a message for the user. */
export function readFlags(args: readonly string[]): Flags {
  const { preset: name, seed, seconds, rate, port, once, help } = parse(args);
  const preset = findPreset(name);
  if (!preset) {
    const names = Object.keys(presets).map(hyphened).join(', ');
    throw new Error(`--preset must be one of ${names}, not '${name}'`);
  }
  return {
    help,
    name,
    preset,
    seed: readNumber('--seed', seed, 0, 2 ** 32 - 1, Number.isInteger),
    seconds: readNumber('--seconds', seconds, 1, 600),
    rate: readNumber('--rate', rate, 1, 1_000),
    once,
    port: readNumber('--port', port, 0, 65_535, Number.isInteger),
  };
}

type Texts = Readonly<Record<'preset' | 'seed' | 'seconds' | 'rate' | 'port', string>> &
  Readonly<Record<'once' | 'help', boolean>>;

function parse(args: readonly string[]): Texts {
  try {
    return parseArgs({
      args: [...args],
      options: {
        preset: { type: 'string', default: 'flaky' },
        seed: { type: 'string', default: '1' },
        seconds: { type: 'string', default: '8' },
        rate: { type: 'string', default: '150' },
        port: { type: 'string', default: '0' },
        once: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    // The first sentence of the message names the problem. The rest is about positional arguments, which do not exist here.
    const [complaint] = String(error instanceof Error ? error.message : error).split('. ');
    throw new Error(`${complaint}; --help lists the flags`, { cause: error });
  }
}

function readNumber(flag: string, text: string, least: number, most: number, isFit = Number.isFinite): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (isFit(value) && value >= least && value <= most) return value;
  const kind = isFit === Number.isInteger ? 'a whole number' : 'a number';
  throw new Error(`${flag} must be ${kind} from ${least} to ${most}, not '${text}'`);
}

function hyphened(name: string): string {
  return name.replaceAll(' ', '-');
}
