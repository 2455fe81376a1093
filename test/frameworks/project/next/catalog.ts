import kyoa, { type Kyoa } from 'kyoa';

declare global {
  var catalog: Kyoa | undefined;
}

// Next evaluates a module once for pages and once for route handlers, and in development after each change.
export const catalog = (globalThis.catalog ??= kyoa.create({ baseUrl: process.env['CATALOG_URL']! }));
