/** Data beside the URL, where axios takes it: `post(url, data)`. kyoa takes options there. */
import type { Options as KyOptions } from 'ky';
import { requestMembers } from '../core/engine/init-members.ts';
import { KyoaError } from '../core/errors.ts';

/** What `split` leaves to ky, except the signal and the hooks, which the call takes. */
type OfKy = Exclude<keyof KyOptions, keyof RequestInit | 'fetch' | 'hooks' | 'retry' | 'timeout' | 'totalTimeout'>;

/** The options that ky reads, and those that the fetch of a platform does: of browsers, Node, Next, Workers, Deno and Bun. */
const known: Readonly<Record<OfKy, true> & Record<string, true>> = {
  baseUrl: true,
  context: true,
  json: true,
  onDownloadProgress: true,
  onUploadProgress: true,
  parseJson: true,
  prefix: true,
  searchParams: true,
  stringifyJson: true,
  throwHttpErrors: true,
  priority: true,
  dispatcher: true,
  next: true,
  cf: true,
  client: true,
  proxy: true,
  tls: true,
  unix: true,
};

/** @throws {KyoaError} `INVALID_OPTION` for options of a call with a body that have none, and a name that nothing reads */
export function refuseData(method: string, options: object): void {
  if ('json' in options || 'body' in options) return;
  const unknown = Object.keys(options).filter((name) => !requestMembers.has(name) && !Object.hasOwn(known, name));
  if (unknown.length === 0) return;
  const advice = `write ${method}(url, { json }), or body: null`;
  throw new KyoaError('INVALID_OPTION', `kyoa has no option ${unknown.join(', ')}: ${advice}`);
}

/** @throws {KyoaError} `INVALID_OPTION` for a third argument, which axios has after the data */
export function refuseThird(more: readonly unknown[]): void {
  if (more.length === 0) return;
  throw new KyoaError('INVALID_OPTION', 'a call takes two arguments: write post(url, { json, ...options })');
}
