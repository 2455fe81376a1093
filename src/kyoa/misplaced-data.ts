/** Data beside the URL, where axios takes it: `post(url, data)`. kyoa takes options there. */
import type { Options as KyOptions } from 'ky';
import { requestMembers } from '../core/engine/init-members.ts';
import { KyoaError } from '../core/errors.ts';

/** ky's options that are no members of a RequestInit. */
const ofKy: Readonly<Record<Exclude<keyof KyOptions, keyof RequestInit>, true>> = {
  baseUrl: true,
  context: true,
  fetch: true,
  hooks: true,
  json: true,
  onDownloadProgress: true,
  onUploadProgress: true,
  parseJson: true,
  prefix: true,
  retry: true,
  searchParams: true,
  stringifyJson: true,
  throwHttpErrors: true,
  timeout: true,
  totalTimeout: true,
};

/** Members of an init that the fetch of a platform knows: of browsers, Node, Next, Workers, Deno and Bun. */
const ofPlatforms: ReadonlySet<string> = new Set([
  'signal',
  'priority',
  'dispatcher',
  'next',
  'cf',
  'client',
  'proxy',
  'tls',
  'unix',
]);

/** @throws {KyoaError} `INVALID_OPTION` for options of a call with a body that have none, and a name that nothing reads */
export function refuseData(method: string, options: object): void {
  if ('json' in options || 'body' in options) return;
  const isKnown = (name: string): boolean =>
    requestMembers.has(name) || Object.hasOwn(ofKy, name) || ofPlatforms.has(name);
  const unknown = Object.keys(options).filter((name) => !isKnown(name));
  if (unknown.length === 0) return;
  const advice = `write ${method}(url, { json }), or body: null`;
  throw new KyoaError('INVALID_OPTION', `kyoa has no option ${unknown.join(', ')}: ${advice}`);
}

/** @throws {KyoaError} `INVALID_OPTION` for a third argument, which axios has after the data */
export function refuseThird(more: readonly unknown[]): void {
  if (more.length === 0) return;
  throw new KyoaError('INVALID_OPTION', 'a call takes a URL and options: write post(url, { json, ...options })');
}
