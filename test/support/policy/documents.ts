/** An HTTP server with one document, which has an ETag or a Last-Modified, as static file servers give it. */
import { createHash } from 'node:crypto';

import { standIn, type StandIn } from './stand-in.ts';

export interface Documents extends StandIn {
  /** `undefined` is 404. */
  text: string | Buffer | undefined;
  /** What it identifies the text with. */
  validator: 'etag' | 'last-modified' | 'none';
  /** In place of 200. */
  status: number;
  headers: Record<string, string>;
}

export async function startDocuments(): Promise<Documents> {
  let date = Date.UTC(2026, 0, 1);
  const dates = new Map<unknown, string>();
  const server = await standIn(({ headers }, response) => {
    const { text, validator, status } = documents;
    if (status !== 200 || text === undefined) {
      response.writeHead(status === 200 ? 404 : status, documents.headers).end('no document');
      return;
    }
    const etag = `"${createHash('sha1').update(text).digest('hex').slice(0, 8)}"`;
    if (!dates.has(text)) dates.set(text, new Date((date += 60_000)).toUTCString());
    const modified = dates.get(text)!;
    const facts = {
      ...documents.headers,
      ...(validator === 'etag' && { etag }),
      ...(validator === 'last-modified' && { 'last-modified': modified }),
    };
    const isKnown =
      (validator === 'etag' && headers['if-none-match'] === etag) ||
      (validator === 'last-modified' && headers['if-modified-since'] === modified);
    if (isKnown) response.writeHead(304, facts).end();
    else response.writeHead(200, { 'content-type': 'application/json', ...facts }).end(text);
  });
  const documents: Documents = Object.assign(server, {
    text: undefined as Documents['text'],
    validator: 'etag' as const,
    status: 200,
    headers: {},
  });
  return documents;
}
