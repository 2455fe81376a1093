/** Options of ky, axios, ofetch and SDKs that kyoa has under another name. Unknown options go to the transport, which ignores these. */
import { KyoaError } from '../core/errors.ts';

/** What to write, by the name of the option. */
type Names = Readonly<Record<string, string>>;

const ofCall: Names = {
  auth: 'headers.authorization',
  'axios-retry': 'retry',
  baseURL: 'prefix',
  cancelToken: 'signal',
  data: 'json',
  header: 'headers',
  httpAgent: 'fetch: undici()',
  httpsAgent: 'fetch: undici()',
  idempotencyKey: 'requestId',
  maxContentLength: 'maxBody',
  maxRedirects: 'redirect',
  maxRetries: 'retry',
  params: 'searchParams',
  paramsSerializer: 'searchParams',
  prefixUrl: 'prefix',
  proxy: 'fetch: undici({ proxy })',
  query: 'searchParams',
  responseType: '.json() or .text()',
  retries: 'retry',
  transformRequest: 'stringifyJson',
  transformResponse: 'parseJson',
  validateStatus: 'throwHttpErrors',
  withCredentials: "credentials: 'include'",
};

const ofRetry: Names = {
  afterStatusCodes: 'statuses',
  backoffLimit: 'backoff',
  delay: 'backoff',
  jitter: 'backoff',
  retryCondition: 'when',
  retryDelay: 'backoff',
  retryOnTimeout: 'when',
  shouldRetry: 'when',
  statusCodes: 'statuses',
};

/** With the names of the overrides, the options are those of a call. A middleware may have the name of one. */
export function refuseRenamed(options: object, overrides?: ReadonlySet<string>): void {
  const [prefix, names] = overrides ? ['', ofCall] : ['retry.', ofRetry];
  const refused = Object.keys(options).filter((name) => {
    const value: unknown = options[name as never];
    return value !== undefined && Object.hasOwn(names, name) && isForeign(name, value, overrides);
  });
  if (refused.length === 0) return;
  const advice = refused.map((name) => `no option ${prefix}${name}: write ${prefix}${names[name]}`);
  throw new KyoaError('INVALID_OPTION', `kyoa has ${advice.join('; ')}`);
}

/** Whether it is an option of another library under a name that a policy, a middleware or a platform has, too. */
function isForeign(name: string, value: unknown, overrides: ReadonlySet<string> | undefined): boolean {
  const members = Object(value) as object;
  if (name === 'auth' && Object.hasOwn(members, 'username')) return true; // a password; that of kyoa has options of the policy
  if (name === 'proxy') return value === false || Object.hasOwn(members, 'host'); // Bun's fetch has one, an address
  return !overrides?.has(name);
}
