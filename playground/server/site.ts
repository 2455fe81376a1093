/** Serves the built page: the files of one folder, with compressed texts. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

export interface Site {
  /** Sends the requested file and returns `true`, or returns `false` if the folder has no such file. */
  serve(req: IncomingMessage, res: ServerResponse): boolean;
}

interface File {
  readonly type: string;
  readonly etag: string;
  /** The body by encoding, the preferred encoding first. `identity` is always present. */
  readonly bodies: ReadonlyMap<string, Buffer>;
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

/** The page may load only its own files, and connect only to ports of this host. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'", // uPlot and the onion set `style` attributes
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self' http://127.0.0.1:* http://localhost:*",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Reads the folder once. Only files that exist at that time are served, so a path cannot leave the folder. */
export function openSite(folder: string): Site {
  const files = new Map<string, File>(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [`/${relative(folder, path).split(sep).join('/')}`, read(path)] as const;
      }),
  );

  return {
    serve({ method, url = '/', headers }, res) {
      const [path = '/'] = url.split('?');
      const file = files.get(path === '/' ? '/index.html' : path);
      if (file === undefined || (method !== 'GET' && method !== 'HEAD')) return false;

      const accepted = tokens(headers['accept-encoding']);
      const encoding = [...file.bodies.keys()].find((name) => accepted.has(name)) ?? 'identity';
      const body = file.bodies.get(encoding)!;
      const isKnown = headers['if-none-match'] === file.etag;
      res.writeHead(isKnown ? 304 : 200, {
        'content-type': file.type,
        etag: file.etag,
        vary: 'accept-encoding',
        'cache-control': 'no-cache', // the browser revalidates each time, and gets a body only if the file changed
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        ...(encoding !== 'identity' && { 'content-encoding': encoding }),
        ...(!isKnown && { 'content-length': body.length }),
        ...(file.type.startsWith('text/html') && { 'content-security-policy': policy }),
      });
      res.end(isKnown || method === 'HEAD' ? undefined : body);
      return true;
    },
  };
}

function read(path: string): File {
  const type = types[extname(path)] ?? 'application/octet-stream';
  const identity = extname(path) === '.html' ? marked(readFileSync(path, 'utf8')) : readFileSync(path);
  const etag = `W/"${createHash('sha256').update(identity).digest('base64url').slice(0, 16)}"`;
  const packed = /^(text|image\/svg)/.test(type)
    ? ([
        ['br', brotliCompressSync(identity)],
        ['gzip', gzipSync(identity)],
      ] as const)
    : [];
  return { type, etag, bodies: new Map([...packed, ['identity', identity]]) };
}

/** Marks the page as served by the flaky server. A request would find out too, but a browser logs its 404 as an error. */
function marked(html: string): Buffer {
  return Buffer.from(html.replace('<html ', '<html data-network="server" '));
}

/** The encodings in `Accept-Encoding`. Their weights are ignored. */
function tokens(accepted: string | string[] = ''): ReadonlySet<string> {
  return new Set(
    String(accepted)
      .split(',')
      .map((token) => token.replace(/;.*/, '').trim()),
  );
}
