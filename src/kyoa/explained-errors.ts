/** Errors of ky that do not say which option or which response is at fault, in words that do. */
import type { Input, Options } from 'ky';
import { KyoaError, withoutUrlSecrets } from '../core/errors.ts';
import { show } from '../core/options.ts';

/** The error to throw in place of the one that ky has thrown for this URL. */
export function explainUrl(error: unknown, input: Input | undefined, { baseUrl, prefix }: Options): unknown {
  if (!(error instanceof TypeError) || input instanceof URL || input instanceof Request) return error;
  if (typeof input !== 'string')
    return new TypeError(`the URL is ${show(input)}: pass a URL or a Request`, {
      cause: error,
    });
  const lacks = (text: string): KyoaError =>
    new KyoaError('INVALID_OPTION', `${text}, such as https://api.example.com/`, { cause: error });
  const page = globalThis.location?.href;
  const [name, given] = prefix ? ['prefix', prefix] : ['baseUrl', baseUrl];
  const base = given && URL.parse(given, page);
  // `localhost:80` is a URL of the scheme `localhost`, against which nothing can be resolved.
  if (given) return base && URL.parse('/', base) ? error : lacks(`${name} is ${show(given)}: write an absolute URL`);
  return URL.parse(input, page) ? error : lacks(`${show(input)} is no absolute URL: write one, or create({ baseUrl })`);
}

/** Rejects with the error of `json()`. That of a body which is no JSON gets the URL, the status and the type of the response. */
export async function explainJson(
  error: unknown,
  input: Input,
  pending: Promise<Response>,
  hasParser: boolean,
): Promise<never> {
  if (hasParser || !(error instanceof SyntaxError)) throw error; // the caller's own error stays as it is
  const { url, status, headers } = await pending;
  const sent = withoutUrlSecrets(url || (input instanceof Request ? input.url : String(input)));
  const message = `${error.message}: ${sent} responded with ${status}, ${headers.get('content-type') ?? 'no type'}`;
  throw new SyntaxError(message, { cause: error });
}
