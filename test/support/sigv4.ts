/**
 * The server's side of AWS Signature Version 4. It makes the signature of what has arrived without the library that signed it,
 * and demands that the date is at most a second from the arrival (AWS itself permits 5 or 15 minutes).
 *
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac } from 'node:crypto';

export interface Arrival {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: Uint8Array | string;
  /** Unix ms. */
  readonly at: number;
}

/** Why AWS would refuse the request, in its words; `undefined` if it is good. */
export function refusalOf(arrival: Arrival, secret: string): string | undefined {
  const { headers, at } = arrival;
  if (headers.get('authorization') !== authorizationOf(arrival, secret)) return 'SignatureDoesNotMatch';
  return isOnTime(headers.get('x-amz-date')!, at) ? undefined : 'RequestTimeTooSkewed';
}

/**
 * Whether the date is at most a second from the arrival. `x-amz-date` has whole seconds: a request that is signed at 12:00:00.999
 * has the date 12:00:00, which is 999 ms old before anything is sent. So the arrival is cut to whole seconds, too. The
 * difference is then at most 1 for each request that arrives within a second of its signature, and at least 2 for
 * each that arrives two seconds after it. A difference of 0 would refuse every request that is signed just before a second is
 * over.
 */
function isOnTime(date: string, at: number): boolean {
  const signed = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  return Math.abs(Math.floor(at / 1_000) - signed / 1_000) <= 1;
}

/** The header `authorization` that the request must have. */
function authorizationOf({ method, url, headers, body }: Arrival, secret: string): string | undefined {
  const [, credential, names] =
    /^AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), /.exec(headers.get('authorization') ?? '') ?? [];
  if (credential === undefined || names === undefined) return undefined;
  const { pathname, searchParams, host } = new URL(url);
  const valueOf = (name: string): string => (name === 'host' ? host : (headers.get(name) ?? '')).replace(/\s+/g, ' ');
  const canonical = [
    method,
    pathname.split('/').map(encode).join('/'),
    [...searchParams]
      .map((pair) => pair.map(encode).join('='))
      .toSorted()
      .join('&'),
    ...names.split(';').map((name) => `${name}:${valueOf(name)}`),
    '',
    names,
    headers.get('x-amz-content-sha256') ?? digest(body),
  ].join('\n');
  const [, ...scope] = credential.split('/');
  const text = ['AWS4-HMAC-SHA256', headers.get('x-amz-date'), scope.join('/'), digest(canonical)].join('\n');
  const key = scope.reduce<Buffer | string>((key, part) => mac(key, part), `AWS4${secret}`);
  return `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${mac(key, text).toString('hex')}`;
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

function digest(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

function mac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
