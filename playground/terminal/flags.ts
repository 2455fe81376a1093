/** The command line of `npm start`. */
import { parseArgs } from 'node:util';
import { findPreset, presets } from '../network/presets.ts';
import type { Preset } from '../network/presets.ts';

export interface Flags {
  readonly help: boolean;
  /** The preset, by the name it was asked for. */
  readonly name: string;
  readonly preset: Preset;
  readonly seed: number;
  readonly seconds: number;
  /** Calls a second, for each contender. */
  readonly rate: number;
  /** Ends after the table. */
  readonly once: boolean;
  /** 0 for any free one. */
  readonly port: number;
}

export const help: string = `Drives the same calls through plain fetch and through kyoa, against a flaky server, and then serves the
playground on it until Ctrl-C.

  npm start -- [flags]

  --preset <name>   the server's weather (flaky)
${Object.entries(presets)
  .map(([name, { about }]) => `                      ${hyphened(name).padEnd(17)}${about}`)
  .join('\n')}
  --seed <n>        the same seed gives the same mishaps in the same order (1)
  --seconds <n>     how long to send calls (8)
  --rate <n>        calls a second, for each of the two (150)
  --once            ends after the table
  --port <n>        where to serve (any free port)
  --help            this text`;

/** Throws an error whose message is meant for the user. */
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
    // Its first sentence says what is wrong; the rest is advice on positional arguments, of which there are none.
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
