/**
 * Types of fetch that only the DOM library declares as globals. Node, Bun, Deno and Workers declare them as members of
 * modules, or not at all, so that a declaration file with the global name would not compile there.
 */
export type BodyInit = NonNullable<RequestInit['body']>;
export type RequestInfo = Request | string;
