/** Which requests a route is for: `'GET /users/*'`. */
import { invalid } from '../core/options.ts';

/** An optional method, then `*`, a path, or a URL with its origin. */
const grammar = /^(?:([A-Z]+) )?(\*|(?:https?:\/\/[^/\s]+)?\/\S*)$/;

/**
 * `*` stands for any run of characters. A route without an origin is for any, one without a method for all, one
 * without a query for every query.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function route(pattern: string): (request: Request) => boolean {
  const [, only, target] = grammar.exec(pattern) ?? [];
  if (target === undefined)
    throw invalid('script route', pattern, "'*', a path or a URL, after a method or none, like 'GET /users/*'");
  const literal = target.split('*').map((text) => text.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const glob = new RegExp(`^${literal.join('.*')}$`);

  return ({ method, url }) => {
    if (only !== undefined && only !== method) return false;
    const { origin, pathname, search } = new URL(url);
    return glob.test((target.startsWith('http') ? origin : '') + pathname + (target.includes('?') ? search : ''));
  };
}
