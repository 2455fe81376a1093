/** The pattern of a route, and which requests it matches: `'GET /users/*'`. */
import { invalid } from '../core/options.ts';

/** An optional method, then `*`, a path, or a URL. */
const grammar = /^(?:([A-Z]+) )?(\*|(?:https?:\/\/[^/\s]+)?\/\S*)$/;

/**
 * `*` matches any characters. A route without a method matches every method, a route without an origin every origin, and
 * a route without a query every query.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function route(pattern: string): (request: Request) => boolean {
  const [, onlyMethod, target] = grammar.exec(pattern) ?? [];
  if (target === undefined)
    throw invalid(
      'script route',
      pattern,
      "'*', a path or a URL, with a method before it or without, like 'GET /users/*'",
    );
  const literal = target.split('*').map((text) => text.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const glob = new RegExp(`^${literal.join('.*')}$`);

  return ({ method, url }) => {
    if (onlyMethod !== undefined && onlyMethod !== method) return false;
    const { origin, pathname, search } = new URL(url);
    return glob.test((target.startsWith('http') ? origin : '') + pathname + (target.includes('?') ? search : ''));
  };
}
