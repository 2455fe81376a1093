/**
 * The faults of the server by request path, with parameters in the query. Every route takes `delay`, in ms before the
 * first byte. Most take `gap`, in ms between two sends and before a cut, so that the client has received the bytes before
 * the cut.
 */
import { constants, gzipSync } from 'node:zlib';
import { unixTime } from './clock.ts';
import type { Exchange, ResponseHeaders } from './exchange.ts';
import { feed } from './feed.ts';

export type Route = (x: Exchange) => void | Promise<void>;
export type Routes = Readonly<Record<string, Route>>;

/** Routes that respond while the body of the request may still be arriving. */
export const earlyRoutes: Routes = {
  '/reset/amid-request': (x) => x.cut('reset'),
  '/fin/amid-request': (x) => x.cut('fin'),
  '/early': (x) => x.reply(x.number('status', 413), 'too much'),
  '/stall/upload': stallUpload,
};

export const routes: Routes = {
  '/ok': (x) => echo(x, x.number('status', 200)),
  '/status/*': (x) => echo(x, Number(x.tail)),
  '/sequence': (x) => step(x, nthOf(x.text('steps', x.text('statuses', '')), x.turn())),
  '/reset-sequence': (x) => step(x, nthOf(x.text('steps', 'reset,ok'), x.turn())),
  '/work': work,
  '/retry-after': retryAfter,

  '/blackhole': (x) => x.hang(),
  '/stall/headers': async (x) => {
    await x.halfHead();
    await x.hang();
  },
  '/stall/body': async (x) => {
    await sendPart(x);
    await x.hang();
  },
  '/drip/headers': dripHeaders,
  '/drip/body': dripBody,
  '/endless': endless,
  '/sse': eventStream,
  '/feed': feed,

  '/reset/*': (x) => cutAmid(x, 'reset'),
  '/fin/*': (x) => cutAmid(x, 'fin'),
  '/keepalive/close-next': (x) => {
    x.failNext(x.text('how', 'reset') === 'fin' ? 'fin' : 'reset');
    return x.reply(200, 'the next request on this connection fails');
  },

  '/length/short': async (x) => {
    await sendPart(x);
    await x.pause(x.number('gap', 20));
    x.cut('fin');
  },
  '/length/long': (x) =>
    x.reply(200, filler(x.number('size', 1000) + x.number('extra', 10)), {
      'content-length': x.number('size', 1000),
    }),
  '/chunks/bad-size': async (x) => {
    await x.head(200, chunked);
    await x.write('good');
    await x.raw('zz\r\nbad\r\n');
  },
  '/chunks/no-end': async (x) => {
    await x.head(200, chunked);
    await x.write('good');
    await x.pause(x.number('gap', 20));
    x.cut('fin');
  },
  '/gzip/ok': (x) => x.reply(200, gzipSync(text(x)), gzipped),
  '/gzip/truncated': (x) => {
    const whole = gzipSync(text(x));
    return x.reply(200, whole.subarray(0, whole.length * x.number('share', 0.8)), gzipped);
  },
  '/gzip/corrupt': (x) => {
    const half = gzipSync(text(x).slice(0, x.number('size', 50_000) / 2), { finishFlush: constants.Z_SYNC_FLUSH });
    return x.reply(200, Buffer.concat([half, Buffer.alloc(1000, 0xff)]), gzipped); // no block begins with 0xff
  },
  '/gzip/bad-checksum': (x) => {
    const whole = gzipSync(text(x));
    return x.reply(200, whole.fill(0, whole.length - 8), gzipped);
  },
  '/gzip/garbage': (x) => x.reply(200, 'this was never compressed', gzipped),

  '/garbage': async (x) => {
    await x.raw(`${filler(x.number('bytes', 100))}\r\n\r\n`);
    x.cut('fin');
  },
  '/headers/many': (x) => {
    const names = Array.from({ length: x.number('count', 1_000) }, (_, n) => [`x-${n}`, '1']);
    return x.reply(200, 'ok', Object.fromEntries(names) as Record<string, string>);
  },
  '/headers/huge': (x) => x.reply(200, 'ok', { 'x-huge': filler(x.number('bytes', 512 * 1024)) }),
  '/informational': async (x) => {
    for (let n = 0; n < x.number('count', 50); n++) {
      await x.inform(x.number('status', 103));
      await x.pause(x.number('gap', 0));
    }
    await x.reply(200, 'ok');
  },

  '/misdirected': (x) => echo(x, x.seen.nth > x.number('allowed', 1) ? 421 : 200),

  '/redirect/to': (x) => redirect(x, x.text('url', '/ok')),
  '/redirect/loop': (x) => redirect(x, x.seen.url),
  '/redirect/chain': (x) => {
    const left = x.number('n', 1) - 1;
    return redirect(x, left > 0 ? `/redirect/chain?n=${left}&status=${x.number('status', 302)}` : '/ok');
  },
};

const chunked: ResponseHeaders = { 'transfer-encoding': 'chunked' };
const gzipped: ResponseHeaders = { 'content-type': 'text/plain', 'content-encoding': 'gzip' };

/** Responds with an echo of the request, or with `size` bytes. `headers` is JSON, with a list for a repeated header. */
async function echo(x: Exchange, status: number): Promise<void> {
  const size = x.number('size', -1);
  const { method, path, headers, body } = x.seen;
  await x.reply(status, size >= 0 ? filler(size) : JSON.stringify({ method, path, headers, body: body.toString() }), {
    'content-type': size >= 0 ? 'text/plain' : 'application/json',
    ...(JSON.parse(x.text('headers', '{}')) as ResponseHeaders),
  });
}

/** Runs one step of a script: a status, or `ok`, `reset`, `fin`, `hang`, `stall` (in the body), `delay` (of `gap` ms). */
async function step(x: Exchange, what: string): Promise<void> {
  if (what === 'reset' || what === 'fin') return x.cut(what);
  if (what === 'hang') return x.hang();
  if (what === 'stall') {
    await sendPart(x);
    return x.hang();
  }
  if (what === 'delay') await x.pause(x.number('gap', 50));
  const status = what === 'ok' || what === 'delay' ? 200 : Number(what);
  if (!(status >= 200 && status <= 599)) throw new Error(`"${what}" is no step`);
  return echo(x, status);
}

/** The nth step of a script, whose last step repeats. */
function nthOf(script: string, n: number): string {
  const steps = script.split(',');
  return steps[Math.min(n, steps.length) - 1] ?? '';
}

/** Does the work, and then responds by the script `then`, one step for each execution. */
async function work(x: Exchange): Promise<void> {
  await step(x, nthOf(x.text('then', 'ok'), x.execute()));
}

/** Responds with Retry-After. `date` sends an HTTP date so many ms from now, in whole seconds. */
async function retryAfter(x: Exchange): Promise<void> {
  if (x.turn() > x.number('times', 1)) return echo(x, x.number('then', 200));

  const date = new Date(unixTime() + x.number('date', 0)).toUTCString();
  const value = x.text('value', x.text('date', '') === '' ? '1' : date);
  return x.reply(x.number('status', 503), 'later', { [x.text('header', 'retry-after')]: value });
}

/** Sends a head that announces `size` bytes in the chosen framing, and then `bytes` bytes. */
async function sendPart(x: Exchange, bytes: number = x.number('bytes', 400)): Promise<void> {
  const framings: Record<string, ResponseHeaders> = {
    length: { 'content-length': x.number('size', 1000) },
    chunked,
    close: { connection: 'close' },
  };
  await x.head(x.number('status', 200), {
    'content-type': 'text/plain',
    ...framings[x.text('framing', 'length')],
  });
  await x.write(filler(bytes));
}

async function cutAmid(x: Exchange, how: 'reset' | 'fin'): Promise<void> {
  if (x.tail === 'amid-headers') await x.halfHead();
  else if (x.tail === 'before-body') await sendPart(x, 0);
  else if (x.tail === 'amid-body') await sendPart(x);
  else if (x.tail !== 'before-headers') throw new Error(`"${x.tail}" is no phase`);
  await x.pause(x.number('gap', x.tail === 'before-headers' ? 0 : 20));
  x.cut(how);
}

async function dripHeaders(x: Exchange): Promise<void> {
  const drips = Object.fromEntries(Array.from({ length: x.number('count', 5) }, (_, n) => [`x-drip-${n}`, n]));
  await x.head(200, { 'content-length': 2, ...drips }, x.number('gap', 10));
  await x.write('ok');
}

async function dripBody(x: Exchange): Promise<void> {
  const chunks = x.number('chunks', 10);
  const size = x.number('size', 10);
  await x.head(x.number('status', 200), { 'content-type': 'text/plain', 'content-length': chunks * size });
  for (let n = 0; n < chunks; n++) {
    await x.pause(x.number('gap', 10));
    await x.write(filler(size));
  }
}

async function endless(x: Exchange): Promise<void> {
  await x.head(x.number('status', 503), { 'content-type': 'text/plain', ...chunked });
  x.neverComplete();
  for (;;) {
    await x.write(filler(x.number('bytes', 1024)));
    await x.pause(x.number('gap', 10));
  }
}

/** Sends `events` events, each after `comments` heartbeats. `then` is `end`, `stall`, `heartbeat`, `reset` or `fin`. */
async function eventStream(x: Exchange): Promise<void> {
  const then = x.text('then', 'end');
  const heartbeat = async (): Promise<void> => {
    await x.write(': heartbeat\n\n');
    await x.pause(x.number('gap', 10));
  };
  await x.head(200, { 'content-type': 'text/event-stream', ...chunked });
  for (let n = 1; n <= x.number('events', 3); n++) {
    for (let c = 0; c < x.number('comments', 1); c++) await heartbeat();
    await x.write(`id: ${n}\ndata: {"n":${n}}\n\n`);
    await x.pause(x.number('gap', 10));
  }
  if (then === 'stall') return x.hang();
  if (then === 'reset' || then === 'fin') return x.cut(then);
  if (then === 'heartbeat') x.neverComplete();
  while (then === 'heartbeat') await heartbeat();
  await x.end();
}

/**
 * Reads the head and nothing more. A server that does not read does not notice that the client leaves. It therefore sends
 * interim responses, which every client ignores and which fail on a closed connection.
 */
async function stallUpload(x: Exchange): Promise<void> {
  x.stopReading();
  x.neverComplete();
  for (;;) {
    await x.pause(x.number('gap', 50));
    await x.inform(102);
  }
}

async function redirect(x: Exchange, location: string): Promise<void> {
  await x.reply(x.number('status', 302), '', { location });
}

function filler(bytes: number): string {
  return 'kyoa '.repeat(Math.ceil(bytes / 5)).slice(0, bytes);
}

/** A text of `size` bytes that gzip cannot compress much, the same each time. */
function text(x: Exchange): string {
  let state = 1;
  const letter = (): string => {
    state = (state * 48271) % 0x7fffffff; // the minimal standard generator of Park and Miller
    return String.fromCharCode(97 + (state % 26));
  };
  return Array.from({ length: x.number('size', 50_000) }, letter).join('');
}
