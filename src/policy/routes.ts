/** Routes of a document: which options a call has by its method and URL. */
import { mergedOptions, type Json } from './parsed-document.ts';

export interface CompiledRoute {
  readonly pattern: string;
  readonly options: Json;
  matches(method: string, origin: string, path: string): boolean;
  /** The higher, the more specific: letters that are not `*`, then a method, then fewer `*`. */
  readonly rank: readonly [letters: number, method: number, stars: number];
}

interface Pattern {
  readonly method: string | undefined;
  /** Absent: every origin. */
  readonly origin: string | undefined;
  readonly path: string;
}

/** What is wrong with a pattern, or `undefined`. */
export function routeProblem(pattern: string): string | undefined {
  const { method, url } = split(pattern);
  if (method !== undefined && method !== method.toUpperCase())
    return `must have its method in upper case: ${method.toUpperCase()}`;
  if (/[?#]/.test(url)) return 'must have no query and no hash: a route is a method and a URL without them';
  if (/^[^/]*\/\/[^/]*@/.test(url)) return 'must have no name and no password in its URL';
  if (url !== '*' && (/\s/.test(url) || !/^((https?|\*):\/\/[^/]|\/)/i.test(url) || patternOf(pattern) === undefined))
    return 'must be like "GET https://api.example.com/users/*", "/users/*" for every origin, or "*" for every call';
  return undefined;
}

/** The pattern as the URLs of calls are written: the host in lower case, no default port, a path. A wrong one stays as it is. */
export function canonicalRoute(pattern: string): string {
  if (routeProblem(pattern) !== undefined) return pattern;
  const { method, origin = '', path } = patternOf(pattern) ?? { path: pattern };
  return `${method === undefined ? '' : `${method} `}${origin}${path}`;
}

export function compileRoute(pattern: string, options: Json): CompiledRoute {
  const { method, origin, path } = patternOf(pattern) ?? { path: pattern };
  const isOrigin = origin === undefined ? () => true : glob(origin);
  const isPath = glob(path);
  const stars = pattern.split('*').length - 1;
  return {
    pattern,
    options,
    rank: [(origin ?? '').length + path.length - stars, method === undefined ? 0 : 1, -stars],
    matches: (calledMethod, calledOrigin, calledPath) =>
      (method === undefined || method === calledMethod) && isPath(calledPath) && isOrigin(calledOrigin),
  };
}

function split(pattern: string): { method: string | undefined; url: string } {
  const [, method, url = ''] = /^(?:([A-Za-z]+) +)?(.*)$/s.exec(pattern)!;
  return { method, url };
}

/** `undefined`: its URL is none. */
function patternOf(pattern: string): Pattern | undefined {
  const { method, url } = split(pattern);
  if (url === '*') return { method, origin: undefined, path: '*' };
  try {
    if (url.startsWith('/')) return { method, origin: undefined, path: pathOf(url) };
    const [, origin = '', path = origin.endsWith('*') ? '*' : '/'] = /^([^/]*\/\/[^/]*)(\/.*)?$/s.exec(url)!;
    return { method, origin: originOf(origin), path: path === '*' ? path : pathOf(path) };
  } catch {
    return undefined;
  }
}

function pathOf(path: string): string {
  return new URL(`http://host${path}`).pathname;
}

function originOf(origin: string): string {
  if (!origin.includes('*')) return new URL(origin).origin;
  const defaultPort = /^(http:.*):80$|^(https:.*):443$/i.exec(origin);
  return (defaultPort?.[1] ?? defaultPort?.[2] ?? origin).toLowerCase();
}

/** Whether a text is like the pattern, in which `*` is any text. No regular expression: many `*` would make it slow. */
function glob(pattern: string): (text: string) => boolean {
  const [head = '', ...parts] = pattern.split('*');
  const tail = parts.pop();
  if (tail === undefined) return (text) => text === head;
  return (text) => {
    const end = text.length - tail.length;
    let at = head.length;
    if (end < at || !text.startsWith(head) || !text.endsWith(tail)) return false;
    for (const part of parts) {
      const found = text.indexOf(part, at);
      at = found + part.length;
      if (found < 0 || at > end) return false;
    }
    return true;
  };
}

/** Finds the route of a call. Of those that match, the most specific one decides alone. */
export class RouteTable {
  /** By the text before the first `*`: of the URL, and of the path where a route has every origin. */
  readonly #byUrl = new HeadIndex();
  readonly #byPath = new HeadIndex();

  constructor(routes: readonly CompiledRoute[]) {
    const ranked = routes.toSorted(({ rank: a }, { rank: b }) => b[0] - a[0] || b[1] - a[1] || b[2] - a[2]);
    for (const [order, route] of ranked.entries()) {
      const { pattern } = route;
      const url = pattern.replace(/^[A-Za-z]+ +/, '');
      const index = url.startsWith('/') || url === '*' ? this.#byPath : this.#byUrl;
      index.add(url.slice(0, url.indexOf('*') < 0 ? undefined : url.indexOf('*')), { ...route, order });
    }
  }

  /** The options of a call: those of its route under those that the caller gave. */
  optionsFor(method: string, url: string, given: Json): Json {
    if (this.#byUrl.isEmpty && this.#byPath.isEmpty) return given;
    const [, origin = '', path = url] = /^([^/?#]*\/\/[^/?#]*)([^?#]*)/.exec(url) ?? [];
    let best: OrderedRoute | undefined;
    const look = (route: OrderedRoute): void => {
      if (route.order < (best?.order ?? Infinity) && route.matches(method, origin, path)) best = route;
    };
    this.#byUrl.each(origin + path, look);
    this.#byPath.each(path, look);
    return best === undefined ? given : mergedOptions(best.options, given);
  }
}

/** The lower, the more specific. */
type OrderedRoute = CompiledRoute & { readonly order: number };

/** Routes by the text that they begin with: of thousands, a call is compared with few. */
class HeadIndex {
  readonly #routes = new Map<string, OrderedRoute[]>();
  readonly #lengths = new Set<number>();

  get isEmpty(): boolean {
    return this.#routes.size === 0;
  }

  add(head: string, route: OrderedRoute): void {
    const same = this.#routes.get(head);
    if (same === undefined) this.#routes.set(head, [route]);
    else same.push(route);
    this.#lengths.add(head.length);
  }

  each(text: string, look: (route: OrderedRoute) => void): void {
    for (const length of this.#lengths) this.#routes.get(text.slice(0, length))?.forEach(look);
  }
}
