/** Reads the values of options. A value that is not understood is refused with one that would be. */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { InvalidArgumentError } from 'commander';

import type { Middleware } from '../../src/index.ts';
import { checkPolicy } from '../../src/policy.ts';

/** 24 days: a timer of the platform runs no longer. */
const longest = 24 * 24 * 3_600_000; // ms

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `500ms`, `60s`, `5m` or `1h`, as ms. */
export function duration(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  if (digits === undefined) throw refused(`a duration like 500ms, 60s or 5m`);
  if (unit === '') throw refused(`the unit as well: ${digits}s, ${digits}ms or ${digits}m`);
  const factor = units[unit!.toLowerCase()];
  if (factor === undefined) throw refused(`one of the units ms, s, m and h: ${digits}s`);
  const ms = Number(digits) * factor;
  if (ms > longest) throw refused('at most 576h');
  return ms;
}

/** A duration that is not 0. */
export function positiveDuration(text: string): number {
  const ms = duration(text);
  if (ms > 0) return ms;
  throw refused('a duration above 0: 30s');
}

/** `200` or `200/s`: calls a second. */
export function rate(text: string): number {
  const [, digits] = /^([\d_,]*\.?\d+)(?:\/s)?$/.exec(text.trim()) ?? [];
  const value = number(digits);
  if (!(value > 0)) throw refused('calls a second: 200 or 0.5');
  if (value > 100_000) throw refused('at most 100000: one process sends no more');
  return value;
}

/** `1%` or `0.5 %`, as 0..1. */
export function percentage(text: string): number {
  const [, digits, sign] = /^(\d+(?:\.\d+)?|\.\d+)\s*(%?)$/.exec(text.trim()) ?? [];
  if (digits === undefined) throw refused('a percentage: 1%');
  if (sign === '') throw refused(`the unit as well: ${digits}%`);
  if (Number(digits) > 100) throw refused('a percentage up to 100%');
  return Number(digits) / 100;
}

/** `1.5` or `150%`: a factor from 1 to 10. */
export function factor(text: string): number {
  const value = text.trim().endsWith('%') ? percentageOver100(text) : Number(text);
  if (value >= 1 && value <= 10) return value;
  throw refused('a factor from 1 to 10: 1.5 or 150%');
}

function percentageOver100(text: string): number {
  return Number(text.trim().slice(0, -1)) / 100;
}

/** A whole number from 1. `10_000` and `10,000` are ten thousand. */
export function count(text: string): number {
  const value = number(text.trim());
  if (!Number.isSafeInteger(value) || value < 1) throw refused('a whole number from 1');
  if (value > 1_000_000) throw refused('at most 1000000');
  return value;
}

/** An absolute URL of http or https. */
export function url(text: string): string {
  if (URL.canParse(text) && /^https?:/i.test(text)) return new URL(text).href;
  const guess = `http://${text.replace(/^[a-z]*:?\/\//i, '')}`;
  throw refused(`the whole address: ${URL.canParse(guess) ? guess : 'http://127.0.0.1:8080/'}`);
}

/** A token of RFC 9110. */
export function method(text: string): string {
  if (!/^[!#$%&'*+.^`|~\w-]+$/.test(text)) throw refused('a method: GET or POST');
  if (/^(connect|trace|track)$/i.test(text)) throw refused('a method that fetch sends: GET or POST');
  return text.toUpperCase();
}

/** `name: value`, once for each header. */
export function header(text: string, earlier: readonly [string, string][] = []): readonly [string, string][] {
  const colon = text.indexOf(':');
  const name = text.slice(0, Math.max(colon, 0)).trim();
  const value = text.slice(colon + 1).trim();
  if (colon === -1 || name === '') throw refused(`'name: value', with a colon: 'accept: application/json'`);
  try {
    new Headers().append(name, value);
  } catch {
    throw refused('a name and a value that HTTP allows');
  }
  return [...earlier, [name, value]];
}

/** The text itself, or `@file` for the bytes of a file. */
export function body(text: string): string | Uint8Array<ArrayBuffer> {
  if (!text.startsWith('@')) return text;
  return orRefused(() => new Uint8Array(readFileSync(text.slice(1))));
}

/** Names with commas between them: `tenant,auth`. Each becomes a middleware that passes the call on. */
export function middleware(text: string): Record<string, () => Middleware> {
  const names = text.split(',').map((name) => name.trim());
  const own = Object.fromEntries(names.filter((name) => name !== '').map((name) => [name, passingOn]));
  orRefused(() => checkPolicy({}, { middleware: own }));
  return own;
}

function passingOn(): Middleware {
  return (_, next) => next();
}

/** The path of a file that can be written: a run of an hour should not end with the news that it cannot. */
export function outputFile(path: string): string {
  if (path === '') throw refused('the path of a file: report.html');
  const stats = orRefused(() => statSync(path, { throwIfNoEntry: false }));
  if (stats?.isDirectory()) throw refused(`the path of a file: ${join(path, 'report.html')}`);
  orRefused(() => accessSync(stats ? path : dirname(path), constants.W_OK));
  return path;
}

function orRefused<T>(access: () => T): T {
  try {
    return access();
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? `${error.message}.` : String(error));
  }
}

function number(digits: string | undefined): number {
  return digits ? Number(digits.replaceAll(/(?<=\d)[_,](?=\d{3}(?!\d))/g, '')) : Number.NaN;
}

function refused(what: string): InvalidArgumentError {
  return new InvalidArgumentError(`Write ${what}.`);
}
