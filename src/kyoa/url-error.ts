/** Says what a URL lacks that the client cannot resolve. The error of the platform does not name the option. */
import type { Input, Options } from 'ky';
import { KyoaError } from '../core/errors.ts';
import { show } from '../core/options.ts';

/** The error to throw in place of the one that ky has thrown for these options. */
export function explainUrl(error: unknown, input: Input, { baseUrl, prefix }: Options): unknown {
  if (!(error instanceof TypeError) || typeof input !== 'string' || prefix) return error;
  const lacks = (text: string): KyoaError =>
    new KyoaError('INVALID_OPTION', `${text}, such as https://api.example.com/`, { cause: error });
  const page = globalThis.location?.href;
  const base = baseUrl && URL.parse(baseUrl, page);
  // `localhost:80` is a URL of the scheme `localhost`, against which nothing can be resolved.
  if (baseUrl)
    return base && URL.parse('/', base) ? error : lacks(`baseUrl is ${show(baseUrl)}: write an absolute URL`);
  return URL.parse(input, page) ? error : lacks(`${show(input)} is no absolute URL: write one, or create({ baseUrl })`);
}
