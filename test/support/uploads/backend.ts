/** What keeps the uploads of a server. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export type Handle = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface Backend {
  readonly handle: Handle;
  readonly bytesOf: (url: string) => Promise<Buffer>;
  readonly forget: () => Promise<void>;
}

/** What a page of another origin needs. */
export function allowed(origin: string | undefined): Record<string, string> {
  if (origin === undefined) return {};
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': '*, Location' };
}
