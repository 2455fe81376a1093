/** Routes of a document: which options a call has by its method and URL. */
import { mergedOptions, type Json } from './entries.ts';

export interface CompiledRoute {
  readonly pattern: string;
  readonly options: Json;
  matches(method: string, url: string): boolean;
  /** Method and host, then the letters that are not `*`: the higher, the more specific. */
  readonly rank: readonly [letters: number, method: number];
}

/** What is wrong with a pattern, or `undefined`. */
export function routeProblem(pattern: string): string | undefined {
  const { method, url } = partsOf(pattern);
  if (method !== undefined && method !== method.toUpperCase())
    return `must have its method in upper case: ${method.toUpperCase()}`;
  if (/[?#]/.test(url)) return 'must have no query and no hash: a route is a method and a URL without them';
  if (url !== '*' && !/^(https?:\/\/|\*:\/\/|\/)/.test(url))
    return 'must be like "GET https://api.example.com/users/*", "/users/*" for every origin, or "*" for every call';
  return undefined;
}

export function compileRoute(pattern: string, options: Json): CompiledRoute {
  const { method, url } = partsOf(pattern);
  const path = url.startsWith('/');
  const source = url
    .split('*')
    .map((text) => text.replace(/[\\^$.|+()[\]{}]/g, '\\$&'))
    .join('.*');
  const expression = new RegExp(`^${path ? '[a-z]+://[^/]*' : ''}${source}$`, 's');
  return {
    pattern,
    options,
    rank: [url.replaceAll('*', '').length, method === undefined ? 0 : 1],
    matches: (calledMethod, calledUrl) =>
      (method === undefined || method === calledMethod) && expression.test(calledUrl.replace(/[?#].*/s, '')),
  };
}

function partsOf(pattern: string): { method: string | undefined; url: string } {
  const [, method, url = ''] = /^(?:([A-Za-z]+) +)?(.*)$/s.exec(pattern)!;
  return { method, url };
}

/** The most specific first: the longest text, and with a method before one without. */
export function bySpecificity(routes: readonly CompiledRoute[]): readonly CompiledRoute[] {
  return routes.toSorted((a, b) => b.rank[0] - a.rank[0] || b.rank[1] - a.rank[1]);
}

/** The options of a call: those of the most specific route under those that the caller gave. */
export function withRoute(routes: readonly CompiledRoute[], method: string, url: string, given: Json): Json {
  const route = routes.find((route) => route.matches(method, url));
  return route === undefined ? given : mergedOptions(route.options, given);
}
