/**
 * Types of fetch that only the DOM library declares as globals. Node, Bun, Deno and Workers declare them as members of
 * modules, or not at all, so that a declaration file with the global name would not compile there.
 */
export type BodyInit = NonNullable<RequestInit['body']>;
export type RequestInfo = Request | string;
/** In Node 22 `RequestInit` has no member `cache`. */
export type RequestCache = 'default' | 'force-cache' | 'no-cache' | 'no-store' | 'only-if-cached' | 'reload';
