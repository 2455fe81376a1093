/** The list of faults that `drill` walks through, as a file has it. */
import { duration, count, url as address } from '../values.ts';

export interface Drill {
  /** The addresses that the calls have, in turn. */
  readonly urls: readonly string[];
  readonly method: string;
  /** Calls a second. */
  readonly rate: number;
  /** How long the service takes for a good response, ms: at least, at most. */
  readonly latency: readonly [number, number];
  readonly steps: readonly Step[];
}

export interface Step {
  readonly name: string;
  /** ms */
  readonly for: number;
  /** Which requests meet the fault: a pattern, in which `*` is any text. */
  readonly at: string;
  readonly fault: Fault | undefined;
}

export interface Fault {
  /** The share of the requests, 0..1. */
  readonly rate: number;
  /** ms */
  readonly latency?: number;
  readonly status?: number;
  readonly error?: 'refused' | 'reset' | 'hang';
  readonly cut?: number;
}

const members = ['urls', 'method', 'rate', 'latency', 'steps'];
const stepMembers = ['name', 'for', 'at', 'rate', 'delay', 'status', 'error', 'cut'];
const errors = ['refused', 'reset', 'hang'];

type Json = Readonly<Record<string, unknown>>;

/** @throws {Error} whose message names the member and what would be right */
export function drillOf(text: string): Drill {
  const given = object('it', parsed(text), members);
  const { urls = ['https://api.example.com/'], method = 'GET', rate = 20, latency = ['10ms', '40ms'], steps } = given;
  const times = list('latency', latency).map((time, index) => span(`latency[${index}]`, time));
  if (times.length !== 2) throw new Error('latency must be two durations: ["10ms", "40ms"]');
  const [least, most] = times as [number, number];
  return {
    urls: list('urls', urls).map((url, index) => read(`urls[${index}]`, url, address)),
    method: String(method).toUpperCase(),
    rate: read('rate', rate, count),
    latency: [least, Math.max(least, most)],
    steps: list('steps', steps).map((step, index) => stepOf(step, `steps[${index}]`)),
  };
}

function stepOf(given: unknown, path: string): Step {
  const step = object(path, given, stepMembers);
  const { name = path, for: time = '5s', at = '*', rate = 1, delay, status, error, cut } = step;
  if (typeof name !== 'string' || typeof at !== 'string') throw new Error(`${path}.name and ${path}.at must be texts`);
  const within = (member: string, value: unknown, least: number, most: number, what: string): number => {
    if (typeof value === 'number' && value >= least && value <= most) return value;
    throw new Error(`${path}.${member} must be ${what}, got ${JSON.stringify(value)}`);
  };
  if (error !== undefined && !errors.includes(error as string))
    throw new Error(
      `${path}.error must be ${errors.map((name) => `"${name}"`).join(', ')}, got ${JSON.stringify(error)}`,
    );
  const fault = {
    rate: within('rate', rate, 0, 1, 'a share from 0 to 1'),
    ...(delay !== undefined && { latency: span(`${path}.delay`, delay) }),
    ...(status !== undefined && { status: within('status', status, 200, 599, 'a status from 200 to 599') }),
    ...(error !== undefined && { error: error as NonNullable<Fault['error']> }),
    ...(cut !== undefined && { cut: within('cut', cut, 0, 1, 'a share of the body from 0 to 1') }),
  };
  const isFault = Object.keys(fault).length > 1;
  return { name, for: span(`${path}.for`, time), at, fault: isFault ? fault : undefined };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`it is no JSON: ${(error as Error).message}`, { cause: error });
  }
}

function object(path: string, given: unknown, known: readonly string[]): Json {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new Error(`${path} must be an object with ${known.join(', ')}`);
  for (const name of Object.keys(given))
    if (!known.includes(name)) throw new Error(`${path} has no member ${name}; it has ${known.join(', ')}`);
  return given as Json;
}

function list(path: string, given: unknown): readonly unknown[] {
  if (Array.isArray(given) && given.length > 0) return given as readonly unknown[];
  throw new Error(`${path} must be a list with at least one member`);
}

function span(path: string, given: unknown): number {
  return read(path, given, duration);
}

function read<T>(path: string, given: unknown, reader: (text: string) => T): T {
  try {
    return reader(String(given));
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message} It is ${JSON.stringify(given)}`, { cause: error });
  }
}

/** The fault in words. */
export function faultOf({ at, fault }: Step): string {
  if (fault === undefined) return 'no fault';
  const { rate, latency, status, error, cut } = fault;
  const what = [
    latency !== undefined && `wait ${latency} ms`,
    status !== undefined && `get status ${status}`,
    error !== undefined && { refused: 'are refused', reset: 'are reset', hang: 'hang' }[error],
    cut !== undefined && `break after ${100 * cut} % of the body`,
  ].filter((part) => part !== false);
  const share = rate === 1 ? 'all requests' : `${100 * rate} % of the requests`;
  return `${share}${at === '*' ? '' : ` to ${at}`} ${what.join(' or ')}`;
}
