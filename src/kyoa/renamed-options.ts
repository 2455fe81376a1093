/** Options of ky, axios, ofetch and SDKs that kyoa has under another name. Unknown options go to the transport, which ignores these. */
import { KyoaError } from '../core/errors.ts';

/** What to write, by the name of the option. */
type Names = Readonly<Record<string, string>>;

const ofCall: Names = {
  auth: 'headers.authorization',
  baseURL: 'prefix',
  cancelToken: 'signal',
  data: 'json',
  header: 'headers',
  idempotencyKey: 'requestId',
  maxRetries: 'retry',
  params: 'searchParams',
  prefixUrl: 'prefix',
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
  const refused = Object.entries(options)
    .filter(
      ([name, value]) =>
        value !== undefined && Object.hasOwn(names, name) && (!overrides?.has(name) || isBasic(name, value)),
    )
    .map(([name]) => `no option ${prefix}${name}: write ${prefix}${names[name]}`);
  if (refused.length > 0) throw new KyoaError('INVALID_OPTION', `kyoa has ${refused.join('; ')}`);
}

/** The `auth` of axios is a name and a password; that of kyoa has options of the policy. */
function isBasic(name: string, value: unknown): boolean {
  return name === 'auth' && Object.hasOwn(Object(value) as object, 'username');
}
