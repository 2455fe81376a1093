/** A server of another origin than the page, whose response to the first request of an `id` breaks off. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface BrokenServer {
  readonly origin: string;
  close(): Promise<void>;
}

const text = Buffer.from('kyoa '.repeat(40_000));
const json = Buffer.from(JSON.stringify('x'.repeat(200_000)));

/**
 * `/exposed`: a page may read `ETag` and `Content-Range`. `/hidden`: it may not. `/json`: a text of 200,000 characters.
 * `/changed`: later requests get another version.
 */
export async function brokenServer(): Promise<BrokenServer> {
  const seen = new Set<string>();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://broken');
    const id = searchParams.get('id') ?? '';
    const isFirst = !seen.has(id);
    seen.add(id);
    response.setHeader('access-control-allow-origin', '*');
    if (pathname === '/exposed') response.setHeader('access-control-expose-headers', 'etag, content-range');
    const isOther = pathname === '/changed' && !isFirst;
    const whole = pathname === '/json' ? json : isOther ? Buffer.from(text).fill('x', 0, 10) : text;
    response.setHeader('etag', isOther ? '"two"' : '"one"');
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (start > 0) response.statusCode = 206;
    if (start > 0) response.setHeader('content-range', `bytes ${start}-${whole.length - 1}/${whole.length}`);
    const body = whole.subarray(start);
    response.setHeader('content-length', body.length);
    if (!isFirst) response.end(body);
    else response.write(body.subarray(0, 80_000), () => setTimeout(() => response.destroy(), 30));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
