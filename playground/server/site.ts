/** The built page over HTTP: files of one folder, compressed where it pays, kept by browsers where their name says so. */
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

export interface Site {
  /** Whether there is such a file; if so, it is sent. */
  serve(req: IncomingMessage, res: ServerResponse): boolean;
}

interface File {
  readonly type: string;
  /** By the name of its encoding, best first; `identity` is always there. */
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

/** Nothing from elsewhere, but for the further ports of this very host. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'", // uPlot and the onion place things by their style
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self' http://127.0.0.1:* http://localhost:*",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Reads the folder once: what is not in it by then is not served, whatever a path says. */
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
      res.writeHead(200, {
        'content-type': file.type,
        'content-length': body.length,
        ...(encoding !== 'identity' && { 'content-encoding': encoding }),
        vary: 'accept-encoding',
        // A name with a hash in it never means anything else.
        'cache-control': /-[\w-]{8,}\.\w+$/.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        ...(file.type.startsWith('text/html') && { 'content-security-policy': policy }),
      });
      res.end(method === 'HEAD' ? undefined : body);
      return true;
    },
  };
}

function read(path: string): File {
  const type = types[extname(path)] ?? 'application/octet-stream';
  const identity = readFileSync(path);
  const bodies = new Map([['identity', identity]]);
  if (!/^(text|application\/json|image\/svg)/.test(type)) return { type, bodies };
  return { type, bodies: new Map([['br', brotliCompressSync(identity)], ['gzip', gzipSync(identity)], ...bodies]) };
}

/** Of `Accept-Encoding`; nobody asks a page's server for weights. */
function tokens(accepted: string | string[] = ''): ReadonlySet<string> {
  return new Set(
    String(accepted)
      .split(',')
      .map((token) => token.replace(/;.*/, '').trim()),
  );
}
