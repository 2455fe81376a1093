import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { withoutWatch, watchBody, type BodyWatcher } from '../../../src/lib/body/watch.ts';
import { noop } from '../../../src/lib/noop.ts';
import { discard } from '../../../src/lib/body/discard.ts';
import { flood, origin, settled, type Exchange, type Origin } from '../../support/origin.ts';
import { now } from '../../support/faults/clock.ts';
import { gcUntil } from '../../support/sockets.ts';

/** A watcher of the end leaves the body to the transport, one of chunks puts a stream of ours before it. */
const modes = ['end', 'chunks'] as const;
type Mode = (typeof modes)[number];

/** Notes what it hears: `wait`, a chunk as text, `complete` or `incomplete`. */
function listener(mode: Mode, heard: string[]): BodyWatcher {
  const end = (complete: boolean): void => void heard.push(complete ? 'complete' : 'incomplete');
  if (mode === 'end') return { end };
  return { end, wait: () => heard.push('wait'), chunk: (bytes) => heard.push(text(bytes)) };
}

/** The ends that were heard, of which there should never be two. */
function ends(heard: readonly string[]): string[] {
  return heard.filter((each) => each === 'complete' || each === 'incomplete');
}

interface Watched {
  readonly response: Response;
  readonly heard: string[];
  readonly fail: (error: unknown) => void;
}

function watch(response: Response, mode: Mode): Watched {
  const heard: string[] = [];
  return { response, heard, fail: watchBody(response, listener(mode, heard)) };
}

async function fetched(server: Origin, mode: Mode, init?: RequestInit): Promise<Watched> {
  return watch(await fetch(server.url, init), mode);
}

function text(bytes: AllowSharedBufferSource | undefined): string {
  return new TextDecoder().decode(bytes);
}

const hello = ({ answer }: Exchange): void => void answer.end('hello');
/** A part of a body, and nothing more for the time being. */
const part = ({ answer }: Exchange): void => void answer.write('part');

function answering(content: string, type: string): (exchange: Exchange) => void {
  return ({ answer }) => void answer.setHeader('content-type', type).end(content);
}

/** The error of a promise that must reject. */
async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`It resolved to ${String(value)}`);
    },
    (error: unknown) => error,
  );
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += text(chunk);
  return all;
}

/** Every way to read a body to its end through a stream. */
const streamed: Record<string, (body: ReadableStream<Uint8Array<ArrayBuffer>>) => Promise<string>> = {
  async getReader(body) {
    const reader = body.getReader();
    let all = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return all;
      all += text(value);
    }
  },
  'for await': readAll,
  async pipeTo(body) {
    let all = '';
    await body.pipeTo(new WritableStream({ write: (chunk) => void (all += text(chunk)) }));
    return all;
  },
  async pipeThrough(body) {
    let all = '';
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) all += chunk;
    return all;
  },
  async tee(body) {
    const [one, two] = await Promise.all(body.tee().map(readAll));
    expect(two).toBe(one);
    return one!;
  },
  async 'a BYOB reader'(body) {
    const reader = body.getReader({ mode: 'byob' });
    let all = '';
    let buffer = new ArrayBuffer(2);
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      all += text(value);
      if (done) return all;
      buffer = value.buffer;
    }
  },
};

/** Every reader, a body that it can read, and what it makes of it. */
const readers = {
  text: ['a=1', (value: unknown) => value],
  json: ['{"a":1}', (value: unknown) => value],
  arrayBuffer: ['a=1', (value: unknown) => text(value as ArrayBuffer)],
  bytes: ['a=1', (value: unknown) => text(value as Uint8Array<ArrayBuffer>)],
  blob: ['a=1', async (value: unknown) => [(value as Blob).type, await (value as Blob).text()]],
  formData: ['a=1', (value: unknown) => [...(value as FormData)]],
} as const;
type Reader = keyof typeof readers;
const readerNames = Object.keys(readers) as Reader[];
const inEachMode = <T>(all: readonly T[]): (readonly [T, Mode])[] =>
  modes.flatMap((mode) => all.map((each) => [each, mode] as const));

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('body of a watched response', () => {
  test.for(modes)('leaves the response what it is, and its clone: watched for %s', async (mode) => {
    await using server = await origin(({ request, answer }) => {
      if (request.url === '/there') answer.setHeader('x-kind', 'kept').end('hello');
      else answer.writeHead(302, { location: '/there' }).end();
    });
    const native = await fetch(server.url);
    const { response } = await fetched(server, mode);
    for (const each of [response, response.clone()]) {
      expect(each).toBeInstanceOf(Response);
      expect(Object.prototype.toString.call(each)).toBe('[object Response]');
      expect(each.constructor).toBe(Response);
      expect(each).toMatchObject({
        url: `${server.url}there`,
        redirected: true,
        type: native.type,
        status: 200,
        ok: true,
      });
      expect(each.headers.get('x-kind')).toBe('kept');
      expect(Object.keys(each)).toEqual(Object.keys(native));
      expect(await each.text()).toBe('hello');
    }
  });

  test.for(inEachMode(readerNames))('ends once with %s(): watched for %s', async ([name, mode]) => {
    const [content, shown] = readers[name];
    const type = name === 'json' ? 'application/json' : 'application/x-www-form-urlencoded';
    await using server = await origin(answering(content, type));
    const native = await (await fetch(server.url))[name]();
    const { response, heard } = await fetched(server, mode);
    expect(heard).toEqual([]);
    expect(await shown(await response[name]())).toEqual(await shown(native));
    expect(ends(heard)).toEqual(['complete']);

    expect(await reasonOf(response[name]())).toBeInstanceOf(TypeError); // it is used
    expect(ends(heard)).toEqual(['complete']);
  });

  test.for(inEachMode(Object.keys(streamed)))('ends once with %s: watched for %s', async ([name, mode]) => {
    await using server = await origin(hello);
    const { response, heard } = await fetched(server, mode);
    expect(await streamed[name]!(response.body!)).toBe('hello');
    await vi.waitFor(() => expect(ends(heard)).toEqual(['complete']));
    expect(response.bodyUsed).toBe(true);
  });

  test.for(modes)('keeps the fields of a multipart form: watched for %s', async (mode) => {
    const form = new FormData();
    form.append('field', 'value');
    form.append('file', new File(['content'], 'name.txt', { type: 'text/plain' }));
    const made = new Response(form);
    const content = await made.clone().text();
    await using server = await origin(answering(content, made.headers.get('content-type')!));
    const { response, heard } = await fetched(server, mode);
    const read = await response.formData();
    expect(read.get('field')).toBe('value');
    expect(read.get('file')).toMatchObject({ name: 'name.txt', type: 'text/plain', size: 7 });
    expect(ends(heard)).toEqual(['complete']);
  });

  test.for(modes)('ends when what was read cannot be understood: watched for %s', async (mode) => {
    await using server = await origin(hello);
    for (const name of ['json', 'formData'] as const) {
      const native = await reasonOf((await fetch(server.url))[name]());
      const { response, heard } = await fetched(server, mode);
      const reason = await reasonOf(response[name]());
      expect([reason, (reason as Error).name]).toEqual([native, (native as Error).name]);
      expect(ends(heard)).toHaveLength(1);
    }
  });

  test.for(inEachMode(['cancel', 'a reader’s cancel', 'a loop that is left']))(
    'ends with %s, and the connection with it: watched for %s',
    async ([how, mode]) => {
      await using server = await origin(part);
      const { response, heard } = await fetched(server, mode);
      if (how === 'cancel') await response.body!.cancel('enough');
      else if (how === 'a reader’s cancel') await response.body!.getReader().cancel('enough');
      else for await (const chunk of response.body!) if (text(chunk) === 'part') break;
      expect(ends(heard)).toEqual(['incomplete']);
      expect(await server.exchanges[0]!.over).toBe('cut');
    },
  );

  test.for(inEachMode(['text', 'getReader', 'for await', 'pipeTo']))(
    'ends once when the connection does, with the error of the transport for %s: watched for %s',
    async ([name, mode]) => {
      await using server = await origin(part);
      const { response, heard } = await fetched(server, mode);
      const read = name === 'text' ? response.text() : streamed[name]!(response.body!);
      const reason = reasonOf(read);
      await settled();
      server.exchanges[0]!.answer.destroy();
      expect(await reason).toMatchObject({
        name: 'TypeError',
        message: 'terminated',
        cause: { code: 'UND_ERR_SOCKET' },
      });
      expect(ends(heard)).toEqual(['incomplete']);
    },
  );

  test.for(modes)('fails with the very error of its stream: watched for %s', async (mode) => {
    const error = new Error('of the stream');
    const broken = (): Watched =>
      watch(new Response(new ReadableStream({ pull: (controller) => controller.error(error) })), mode);
    const { response, heard } = broken();
    expect(await reasonOf(response.text())).toBe(error);
    expect(ends(heard)).toEqual(['incomplete']);
    expect(await reasonOf(broken().response.body!.getReader().read())).toBe(error);
  });

  test.for(modes)('may be looked at before it is read: watched for %s', async (mode) => {
    await using server = await origin(hello);
    for (const name of ['text', 'bytes', 'blob'] as const) {
      const { response, heard } = await fetched(server, mode);
      if (!response.body) throw new Error('There is a body');
      expect(response.body.locked).toBe(false);
      expect(heard).toEqual([]);
      expect(await new Response(await response[name]()).text()).toBe('hello');
      expect(ends(heard)).toEqual(['complete']);
    }
  });

  test.for(modes)('is one and the same stream each time: watched for %s', async (mode) => {
    await using server = await origin(hello);
    const { response } = await fetched(server, mode);
    expect(response.body).toBe(response.body);
    await response.text();
  });

  test('refuses a reader with a buffer of its own where the transport does', () => {
    const stream = (): ReadableStream => new ReadableStream({ start: (controller) => controller.close() });
    for (const mode of modes) {
      const { response } = watch(new Response(stream()), mode);
      expect(() => response.body!.getReader({ mode: 'byob' })).toThrow(TypeError);
      expect(() => response.body!.getReader()).not.toThrow();
    }
  });

  test.for(modes)('is asked for no more than its reader wants: watched for %s', async (mode) => {
    let pulls = 0;
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
      { pull: (controller) => controller.enqueue(new TextEncoder().encode(String((pulls += 1)))) },
      { highWaterMark: 0 },
    );
    const { response } = watch(new Response(stream), mode);
    const reader = response.body!.getReader();
    await settled();
    expect(pulls).toBe(0);
    for (const n of [1, 2, 3]) {
      expect(text((await reader.read()).value)).toBe(String(n));
      await settled();
      expect(pulls).toBe(n);
    }
  });

  test.for(modes)('is cancelled with the reason that its reader gives: watched for %s', async (mode) => {
    const cancel = vi.fn<(reason: unknown) => void>();
    const { response, heard } = watch(new Response(new ReadableStream({ cancel })), mode);
    await response.body!.cancel('enough');
    expect(cancel).toHaveBeenCalledExactlyOnceWith('enough');
    expect(ends(heard)).toEqual(['incomplete']);
  });

  test.for(modes)('does not wait for the transport when it is cancelled: watched for %s', async (mode) => {
    const never = new Response(new ReadableStream({ cancel: () => new Promise(() => {}) }));
    await expect(watch(never, mode).response.body!.cancel()).resolves.toBeUndefined();
  });
});

describe('body to its reader', () => {
  /** What a reader can see of a response, as a list. */
  const views: Record<string, (response: Response) => unknown> = {
    'before anything': (r) => [r.bodyUsed, r.body!.locked, r.bodyUsed],
    'while it is read': async (r) => {
      const read = r.text();
      return [r.bodyUsed, r.body!.locked, r.bodyUsed, await read];
    },
    'when it has been read': async (r) => [await r.text(), r.bodyUsed, r.body!.locked, r.bodyUsed],
    'when it is read a second time': async (r) => [await r.text(), await nameOf(r.text()), await nameOf(r.json())],
    'when it is read twice at once': async (r) => Promise.all([r.text(), nameOf(r.text())]),
    'when it is read after a look at it': async (r) => [r.body!.locked, await r.text(), r.bodyUsed, r.body!.locked],
    'when it is read, looked at and read again': async (r) => [
      await r.text(),
      r.body!.locked,
      await nameOf(r.text()),
      r.bodyUsed,
    ],
    'once a reader has it': async (r) => {
      r.body!.getReader();
      return [r.body!.locked, r.bodyUsed, await nameOf(r.text())];
    },
    'once a reader has given it back': async (r) => {
      r.body!.getReader().releaseLock();
      return [r.body!.locked, r.bodyUsed, await r.text()];
    },
    'once a reader has read of it and given it back': async (r) => {
      const reader = r.body!.getReader();
      await reader.read();
      reader.releaseLock();
      return [r.body!.locked, r.bodyUsed, await nameOf(r.text())];
    },
    'once it is cancelled': async (r) => {
      await r.body!.cancel();
      return [r.body!.locked, r.bodyUsed, await nameOf(r.text())];
    },
    'when it is cancelled while it is read': async (r) => {
      const read = r.text();
      return [await nameOf(r.body!.cancel()), await read];
    },
    'when it is asked for a reader while it is read': async (r) => {
      const read = r.text();
      return [thrownBy(() => r.body!.getReader()), await read];
    },
    'once it is cloned': async (r) => {
      const copy = r.clone();
      return [r.bodyUsed, r.body!.locked, copy.bodyUsed, copy.body!.locked, await r.text(), copy.bodyUsed];
    },
    'when it is cloned while it is read': async (r) => {
      const read = r.text();
      return [thrownBy(() => r.clone()), await read];
    },
    'when it is cloned after it was read': async (r) => [await r.text(), thrownBy(() => r.clone())],
    'when it is cloned while a reader has it': (r) => {
      r.body!.getReader();
      return thrownBy(() => r.clone());
    },
    'when it is cloned after a reader has read of it': async (r) => {
      const reader = r.body!.getReader();
      await reader.read();
      reader.releaseLock();
      return thrownBy(() => r.clone());
    },
    'when it is cloned after it was cancelled': async (r) => {
      await r.body!.cancel();
      return thrownBy(() => r.clone());
    },
    'when it is looked at, then cloned': async (r) => {
      const looked = r.body!.locked;
      const copy = r.clone();
      return [looked, r.bodyUsed, await copy.text(), r.bodyUsed, await r.text(), r.bodyUsed];
    },
    'when a method of it is replaced': async (r) => {
      r.json = async () => `mine, of ${await r.text()}`; // as ky does for `parseJson`
      return r.json();
    },
    'when all its members are listed': (r) => {
      const all: string[] = [];
      for (const member in r) all.push(member);
      return all.toSorted();
    },
  };

  async function nameOf(promise: Promise<unknown>): Promise<string> {
    return ((await reasonOf(promise)) as Error).name;
  }

  function thrownBy(run: () => unknown): string {
    try {
      run();
    } catch (error) {
      return (error as Error).name;
    }
    return 'nothing';
  }

  test.for(inEachMode(Object.keys(views)))(
    'looks as it does on the platform %s: watched for %s',
    async ([view, mode]) => {
      await using server = await origin(hello);
      const native = await views[view]!(await fetch(server.url));
      const { response } = await fetched(server, mode);
      expect(await views[view]!(response)).toEqual(native);
    },
  );

  test.for(modes)('may be looked at while it is read, without ending: watched for %s', async (mode) => {
    await using server = await origin(part);
    const { response, heard } = await fetched(server, mode);
    const read = response.text();
    void response.body!.locked;
    await settled();
    expect(ends(heard)).toEqual([]);
    server.exchanges[0]!.answer.end(' and the rest');
    expect(await read).toBe('part and the rest');
    expect(ends(heard)).toEqual(['complete']);
  });
});

describe('body of clones', () => {
  type Copies = readonly [original: Response, copy: Response];
  const ways: Record<string, (response: Response) => Copies> = {
    'as they are': (response) => [response, response.clone()],
    'looked at before': (response) => {
      void response.body!.locked;
      return [response, response.clone()];
    },
    'looked at after': (response) => {
      const copies = [response, response.clone()] as const;
      for (const { body } of copies) void body!.locked;
      return copies;
    },
  };
  const inEachWay = inEachMode(Object.keys(ways));

  async function cloned(server: Origin, way: string, mode: Mode) {
    const { response, heard, fail } = await fetched(server, mode);
    const [original, copy] = ways[way]!(response);
    return { original, copy, heard, fail };
  }

  test.for(inEachWay)('ends once when both are read: %s, watched for %s', async ([way, mode]) => {
    await using server = await origin(hello);
    const { original, copy, heard } = await cloned(server, way, mode);
    expect(await Promise.all([original.text(), copy.text()])).toEqual(['hello', 'hello']);
    expect(ends(heard)).toEqual(['complete']);
  });

  test.for(inEachWay)('ends when either is read to the end: %s, watched for %s', async ([way, mode]) => {
    await using server = await origin(hello);
    for (const which of ['original', 'copy'] as const) {
      const copies = await cloned(server, way, mode);
      expect(await copies[which].text()).toBe('hello');
      expect(ends(copies.heard)).toEqual(['complete']);
      expect(await copies[which === 'copy' ? 'original' : 'copy'].text()).toBe('hello'); // it is still there
      expect(ends(copies.heard)).toEqual(['complete']);
    }
  });

  test.for(inEachWay)('does not end with one that is cancelled: %s, watched for %s', async ([way, mode]) => {
    await using server = await origin(part);
    for (const which of ['original', 'copy'] as const) {
      const { heard, ...copies } = await cloned(server, way, mode);
      await copies[which].body!.cancel('enough');
      await settled();
      expect(ends(heard)).toEqual([]);
      expect(server.exchanges.at(-1)!.state).toBe('open');

      const read = copies[which === 'copy' ? 'original' : 'copy'].text();
      server.exchanges.at(-1)!.answer.end(' and the rest');
      expect(await read).toBe('part and the rest');
      expect(ends(heard)).toEqual(['complete']);
    }
  });

  test.for(inEachWay)('ends with the last one that is cancelled: %s, watched for %s', async ([way, mode]) => {
    await using server = await origin(part);
    const { original, copy, heard } = await cloned(server, way, mode);
    await copy.body!.cancel('enough');
    expect(ends(heard)).toEqual([]);
    await original.body!.cancel('enough');
    expect(ends(heard)).toEqual(['incomplete']);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test.for(modes)('ends with the last of many: watched for %s', async (mode) => {
    await using server = await origin(part);
    const { response, heard } = await fetched(server, mode);
    const copies = [response, response.clone(), response.clone()];
    copies.push(copies[2]!.clone());
    for (const copy of copies) {
      expect(ends(heard)).toEqual([]);
      await copy.body!.cancel();
    }
    expect(ends(heard)).toEqual(['incomplete']);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test.for(inEachWay)('fails for all of them: %s, watched for %s', async ([way, mode]) => {
    await using server = await origin(part);
    const { original, copy, heard, fail } = await cloned(server, way, mode);
    const reading = [reasonOf(original.text()), reasonOf(streamed['getReader']!(copy.body!))];
    await settled();
    const error = new Error('enough');
    fail(error);
    expect(await Promise.all(reading)).toEqual([error, error]);
    expect(ends(heard)).toEqual(['incomplete']);
  });

  test('are watched one and all by a watcher that comes later', async () => {
    await using server = await origin(hello);
    const { response } = await fetched(server, 'end');
    const copy = response.clone();
    const { heard } = watch(response, 'chunks');
    expect(await copy.text()).toBe('hello');
    expect(heard).toEqual(['wait', 'hello', 'wait', 'complete']);
  });

  test('tell of a chunk when it comes, not when another of them reads it, too', async () => {
    await using server = await origin(part);
    const { response, heard } = await fetched(server, 'chunks');
    const [ahead, behind] = [response.clone(), response].map((each) => each.body!.getReader());
    expect(text((await ahead!.read()).value)).toBe('part');
    await settled();
    const next = ahead!.read(); // waits for the server
    expect(heard).toEqual(['wait', 'part', 'wait']);
    expect(text((await behind!.read()).value)).toBe('part');
    await settled();
    expect(heard).toEqual(['wait', 'part', 'wait']);
    server.exchanges[0]!.answer.end('more');
    expect(text((await next).value)).toBe('more');
    expect(heard).toEqual(['wait', 'part', 'wait', 'more']);
  });
});

describe('body that is failed', () => {
  /** Every way to be reading, or to begin later. */
  const reading: Record<string, (response: Response) => Promise<unknown>> = {
    'text()': (response) => response.text(),
    'json()': (response) => response.json(),
    'arrayBuffer()': (response) => response.arrayBuffer(),
    'bytes()': (response) => response.bytes(),
    'blob()': (response) => response.blob(),
    'formData()': (response) => response.formData(),
    'text() after a look at the body': (response) => (response.body!.locked, response.text()),
    getReader: (response) => streamed['getReader']!(response.body!),
    'for await': (response) => streamed['for await']!(response.body!),
    pipeTo: (response) => streamed['pipeTo']!(response.body!),
    tee: (response) => streamed['tee']!(response.body!),
    'a BYOB reader': (response) => streamed['a BYOB reader']!(response.body!),
    'a clone': (response) => response.clone().text(),
  };
  const everyWay = inEachMode(Object.keys(reading));

  test.for(everyWay)('rejects %s that is under way with exactly the error: watched for %s', async ([way, mode]) => {
    await using server = await origin(part);
    const { response, heard, fail } = await fetched(server, mode);
    const reason = reasonOf(reading[way]!(response));
    await settled();
    expect(ends(heard)).toEqual([]);
    const error = new Error('enough');
    fail(error); // the transport has no signal here, so it cannot hear of it
    expect(await reason).toBe(error);
    expect(ends(heard)).toEqual(['incomplete']);
  });

  test.for(everyWay)('rejects %s that begins later with exactly the error: watched for %s', async ([way, mode]) => {
    await using server = await origin(hello);
    const { response, heard, fail } = await fetched(server, mode);
    const error = new Error('enough');
    fail(error);
    expect(ends(heard)).toEqual(['incomplete']);
    expect(await reasonOf(reading[way]!(response))).toBe(error);
    expect(ends(heard)).toEqual(['incomplete']);
  });

  test.for(inEachMode(['text()', 'for await']))(
    'rejects %s with exactly the error where the transport has one of its own: watched for %s',
    async ([way, mode]) => {
      await using server = await origin(part);
      const controller = new AbortController();
      const { response, heard, fail } = await fetched(server, mode, { signal: controller.signal });
      const reason = reasonOf(reading[way]!(response));
      await settled();
      const error = new Error('enough');
      controller.abort(new Error('of the transport'));
      fail(error);
      expect(await reason).toBe(error);
      expect(ends(heard)).toEqual(['incomplete']);
      expect(await server.exchanges[0]!.over).toBe('cut');
    },
  );

  test.for(modes)('gives a reader what it has read before: watched for %s', async (mode) => {
    await using server = await origin(part);
    const { response, fail } = await fetched(server, mode);
    const reader = response.body!.getReader();
    expect(text((await reader.read()).value)).toBe('part');
    const error = new Error('enough');
    fail(error);
    expect(await reasonOf(reader.read())).toBe(error);
    expect(await reasonOf(reader.closed)).toBe(error);
  });

  test('lets go of the connection of a stream, also where the transport cannot hear of it', async () => {
    await using server = await origin(flood);
    for (const mode of modes) {
      const { response, fail } = await fetched(server, mode);
      const reader = response.body!.getReader();
      await reader.read();
      fail(new Error('enough'));
      expect(await server.exchanges.at(-1)!.over).toBe('cut');
      await reasonOf(reader.closed);
    }
  });

  test.for(modes)('fails with any value: watched for %s', async (mode) => {
    await using server = await origin(part);
    for (const error of ['enough', null, undefined]) {
      const { response, fail } = await fetched(server, mode);
      const reason = reasonOf(response.text());
      fail(error);
      expect(await reason).toBe(error);
    }
  });

  test.for(modes)('keeps the first error: watched for %s', async (mode) => {
    await using server = await origin(part);
    const { response, heard, fail } = await fetched(server, mode);
    const failAgain = watchBody(response, listener('end', heard));
    fail('first');
    failAgain('second');
    expect(await reasonOf(response.text())).toBe('first');
    expect(ends(heard)).toEqual(['incomplete', 'incomplete']); // of two watchers
  });

  test.for(modes)('cannot be failed any more once it has been read: watched for %s', async (mode) => {
    await using server = await origin(hello);
    const { response, heard, fail } = await fetched(server, mode);
    expect(await response.text()).toBe('hello');
    fail(new Error('too late'));
    expect(ends(heard)).toEqual(['complete']);
  });

  test.for(modes)('cannot be failed any more once it is cancelled: watched for %s', async (mode) => {
    await using server = await origin(part);
    const { response, heard, fail } = await fetched(server, mode);
    await response.body!.cancel();
    fail(new Error('too late'));
    expect(ends(heard)).toEqual(['incomplete']);
    await expect(response.body!.cancel()).resolves.toBeUndefined();
  });

  test.for(modes)('fails for a reader who looks at it while it is read: watched for %s', async (mode) => {
    await using server = await origin(part);
    const { response, heard, fail } = await fetched(server, mode);
    const reason = reasonOf(response.text());
    void response.body!.locked;
    await settled();
    fail('enough');
    expect(await reason).toBe('enough');
    expect(ends(heard)).toEqual(['incomplete']);
  });
});

describe('body under watchers', () => {
  test('tells of the wait before each chunk, and of the end', async () => {
    await using server = await origin(({ answer }) => void answer.write('one'));
    const { response, heard } = await fetched(server, 'chunks');
    const reader = response.body!.getReader();
    expect(heard).toEqual([]);
    await reader.read();
    await settled();
    expect(heard).toEqual(['wait', 'one']); // it does not run ahead of its reader

    const next = reader.read();
    expect(heard).toEqual(['wait', 'one', 'wait']);
    server.exchanges[0]!.answer.write('two');
    await next;
    expect(heard).toEqual(['wait', 'one', 'wait', 'two']);

    server.exchanges[0]!.answer.end();
    expect((await reader.read()).done).toBe(true);
    expect(heard).toEqual(['wait', 'one', 'wait', 'two', 'wait', 'complete']);
  });

  test.for(readerNames)('tells of chunks through %s(), too', async (name) => {
    const [content] = readers[name];
    const type = 'application/x-www-form-urlencoded';
    await using server = await origin(answering(content, type));
    const { response, heard } = await fetched(server, 'chunks');
    await response[name]();
    expect(heard).toEqual(['wait', content, 'wait', 'complete']);
  });

  test('tells all of them, those of chunks and those of the end', async () => {
    await using server = await origin(hello);
    const { response, heard: first } = await fetched(server, 'end');
    const { heard: second } = watch(response, 'chunks');
    const { heard: third } = watch(response, 'chunks');
    const { heard: fourth } = watch(response, 'end');
    await response.text();
    const chunks = ['wait', 'hello', 'wait', 'complete'];
    expect([first, second, third, fourth]).toEqual([['complete'], chunks, chunks, ['complete']]);
  });

  test.for(modes)('tells one that comes while it is read: watched for %s', async (mode) => {
    await using server = await origin(part);
    const { response } = await fetched(server, mode);
    const read = response.text();
    await settled();
    const { heard } = watch(response, 'end');
    server.exchanges[0]!.answer.end();
    await read;
    expect(heard).toEqual(['complete']);
  });

  test.for(modes)('is over at once for one that comes when it has been read: watched for %s', async (mode) => {
    await using server = await origin(hello);
    const { response } = await fetched(server, mode);
    await response.text();
    const { heard, fail } = watch(response, 'chunks');
    expect(heard).toEqual(['complete']);
    fail(new Error('too late'));
    expect(heard).toEqual(['complete']);
  });

  test.for(modes)('is over at once for one that comes when it was given up: watched for %s', async (mode) => {
    await using server = await origin(part);
    const cancelled = await fetched(server, mode);
    await cancelled.response.body!.cancel();
    const failed = await fetched(server, mode);
    failed.fail(new Error('enough'));
    for (const { response } of [cancelled, failed]) expect(watch(response, mode).heard).toEqual(['incomplete']);
  });

  test('is over at once for the first one, when it has been read before', async () => {
    await using server = await origin(hello);
    const response = await fetch(server.url);
    await response.text();
    expect(ends(watch(response, 'end').heard)).toHaveLength(1);
  });

  test('puts no stream between transport and reader for the end alone', async () => {
    await using server = await origin(hello);
    const response = await fetch(server.url);
    const own = response.body!;
    watchBody(response, { end: noop });
    await response.text();
    expect(own.locked).toBe(true);
  });
});

describe('body that is none', () => {
  const none: Record<string, (server: Origin) => Promise<Response>> = {
    'of a 204': (server) => fetch(`${server.url}204`),
    'of a 304': (server) => fetch(`${server.url}304`),
    'of a HEAD': (server) => fetch(server.url, { method: 'HEAD' }),
    'of a null body': async () => new Response(null),
    'of an error': async () => Response.error(),
  };

  test.for(inEachMode(Object.keys(none)))('ends at once: %s, watched for %s', async ([which, mode]) => {
    await using server = await origin(({ request, answer }) => {
      const status = Number(request.url!.slice(1)) || 200;
      answer.writeHead(status, { 'content-length': status === 200 ? 5 : 0 }).end(status === 200 ? 'hello' : '');
    });
    const { response, heard, fail } = watch(await none[which]!(server), mode);
    expect(heard).toEqual(['complete']);
    expect(response.body).toBeNull();
    fail(new Error('too late'));
    expect(await response.text()).toBe('');
    expect(heard).toEqual(['complete']);
  });

  test.for(modes)('is not one that is empty: watched for %s', async (mode) => {
    await using server = await origin(({ answer }) => void answer.setHeader('content-length', 0).end());
    const native = await fetch(server.url);
    const { response, heard } = await fetched(server, mode);
    expect(response.body === null).toBe(native.body === null);
    expect(await response.text()).toBe('');
    expect(ends(heard)).toEqual(['complete']);
  });
});

describe('body discarded', () => {
  const kinds = ['unwatched', ...modes] as const;
  type Kind = (typeof kinds)[number];

  /** A response to discard, and its end, in so far as it is watched. */
  async function given(server: Origin, kind: Kind, path = ''): Promise<{ response: Response; heard: string[] }> {
    const response = await fetch(server.url + path);
    return kind === 'unwatched' ? { response, heard: [] } : watch(response, kind);
  }

  /** No timer of ours can run: what happens, happens without one. */
  const stopTimers = (): void => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });

  /** Waits in real time: `vi.waitFor` would advance the timers. */
  async function turns(predicate: () => boolean): Promise<void> {
    for (const started = now(); !predicate() && now() - started < 5_000;) await settled();
    expect(predicate()).toBe(true);
  }

  test.for(kinds)('keeps its connection for the next request when it is short: %s', async (kind) => {
    await using server = await origin(({ answer }) => void answer.writeHead(503).write('later'));
    const { response, heard } = await given(server, kind);
    expect(discard(response)).toBeUndefined();
    server.exchanges[0]!.answer.end(', please');
    expect(await server.exchanges[0]!.over).toBe('complete');
    await settled();
    if (kind !== 'unwatched') expect(ends(heard)).toEqual(['complete']);

    await (await fetch(server.url)).body!.cancel();
    expect(server.exchanges.map(({ connection }) => connection)).toEqual([1, 1]);
  });

  test.for(kinds)('keeps its connection up to 64 KiB, as announced: %s', async (kind) => {
    await using server = await origin(({ answer }) => void answer.end(Buffer.alloc(64 * 1024)));
    const { response } = await given(server, kind);
    const [started, stopped] = [vi.spyOn(globalThis, 'setTimeout'), vi.spyOn(globalThis, 'clearTimeout')];
    discard(response);
    const [drain] = started.mock.results;
    await turns(() => stopped.mock.calls.some(([timer]) => timer === drain!.value));
    discard(await fetch(server.url));
    expect(server.exchanges.map(({ connection }) => connection)).toEqual([1, 1]);
  });

  test.for(kinds)('closes its connection at once when it is announced to be long: %s', async (kind) => {
    await using server = await origin(({ answer }) => {
      answer.writeHead(503, { 'content-length': 64 * 1024 + 1 }).write('part');
    });
    const { response, heard } = await given(server, kind);
    stopTimers();
    discard(response);
    expect(vi.getTimerCount()).toBe(0);
    if (kind !== 'unwatched') expect(ends(heard)).toEqual(['incomplete']);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test.for(kinds)('closes its connection once it turns out to be long, or never to end: %s', async (kind) => {
    await using server = await origin(flood);
    const { response, heard } = await given(server, kind);
    stopTimers();
    discard(response);
    expect(await server.exchanges[0]!.over).toBe('cut');
    if (kind !== 'unwatched') expect(ends(heard)).toEqual(['incomplete']);
    await turns(() => vi.getTimerCount() === 0);
  });

  test.for(kinds)('closes its connection after a second when it dawdles: %s', async (kind) => {
    await using server = await origin(part);
    const { response, heard } = await given(server, kind);
    stopTimers();
    discard(response);
    await settled();
    vi.advanceTimersByTime(999);
    await settled();
    expect([server.exchanges[0]!.state, ends(heard)]).toEqual(['open', []]);
    vi.advanceTimersByTime(1);
    expect(await server.exchanges[0]!.over).toBe('cut');
    if (kind !== 'unwatched') expect(ends(heard)).toEqual(['incomplete']);
    await settled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test.for(kinds)('leaves no timer behind once it is drained: %s', async (kind) => {
    stopTimers();
    const response = new Response('hello'); // without a transport, which has timers of its own
    if (kind !== 'unwatched') watch(response, kind);
    discard(response);
    expect(vi.getTimerCount()).toBe(1);
    await turns(() => vi.getTimerCount() === 0);
    expect(response.bodyUsed).toBe(true);
  });

  test.for(kinds)('is left alone while somebody reads it: %s', async (kind) => {
    await using server = await origin(part);
    const { response, heard } = await given(server, kind);
    const read = response.text();
    read.catch(noop);
    discard(response);
    await settled();
    expect(ends(heard)).toEqual([]);
    server.exchanges[0]!.answer.end(' and the rest');
    expect(await read).toBe('part and the rest');
    if (kind !== 'unwatched') expect(ends(heard)).toEqual(['complete']);
  });

  test.for(kinds)('is left alone while somebody holds a reader of it: %s', async (kind) => {
    await using server = await origin(hello);
    const { response, heard } = await given(server, kind);
    const reader = response.body!.getReader();
    discard(response);
    await settled();
    expect(ends(heard)).toEqual([]);
    expect(text((await reader.read()).value)).toBe('hello');
    await reader.cancel();
  });

  test.for(kinds)('is left alone when it has been read: %s', async (kind) => {
    await using server = await origin(hello);
    const { response, heard } = await given(server, kind);
    await response.text();
    stopTimers();
    discard(response);
    expect(vi.getTimerCount()).toBe(0);
    if (kind !== 'unwatched') expect(ends(heard)).toEqual(['complete']);
  });

  test.for(kinds)('is nothing where there is none: %s', async (kind) => {
    await using server = await origin(({ answer }) => void answer.writeHead(204).end());
    const { response } = await given(server, kind);
    stopTimers();
    discard(response);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.for(kinds)('breaks nothing when the connection does: %s', async (kind) => {
    await using server = await origin(part);
    const { response, heard } = await given(server, kind);
    stopTimers();
    discard(response);
    await settled();
    server.exchanges[0]!.answer.destroy();
    await turns(() => vi.getTimerCount() === 0);
    if (kind !== 'unwatched') expect(ends(heard)).toEqual(['incomplete']);
  });

  test('leaves a clone its bytes', async () => {
    await using server = await origin(part);
    const { response, heard } = await given(server, 'end');
    const copy = response.clone();
    discard(response);
    const read = copy.text();
    server.exchanges[0]!.answer.end(' and the rest');
    expect(await read).toBe('part and the rest');
    expect(ends(heard)).toEqual(['complete']);
  });
});

describe('body of a plain response', () => {
  /** As a platform reads: past the members of the object, from its slots. */
  const native = (response: Response): Promise<string> => Response.prototype.text.call(response);

  test('is that of the response itself when nobody watches', () => {
    const response = new Response('hello');
    expect(withoutWatch(response)).toBe(response);
  });

  test.for(modes)('has its bytes where the platform looks for them: watched for %s', async (mode) => {
    await using server = await origin(({ answer }) => {
      answer.writeHead(207, 'Mixed', { 'x-kind': 'kept', 'content-type': 'text/plain' }).end('hello');
    });
    for (const look of [noop, (response: Response) => void response.body!.locked]) {
      const { response, heard } = await fetched(server, mode);
      look(response);
      const bare = withoutWatch(response);
      expect(Object.getPrototypeOf(bare)).toBe(Response.prototype);
      expect(bare).toMatchObject({ status: 207, statusText: 'Mixed' });
      expect([...bare.headers]).toEqual([...response.headers]);
      expect(await native(bare)).toBe('hello');
      await vi.waitFor(() => expect(ends(heard)).toEqual(['complete']));
    }
  });

  test('is none where there is none', async () => {
    const { response } = watch(new Response(null, { status: 204 }), 'end');
    expect(withoutWatch(response)).toMatchObject({ status: 204, body: null });
    expect(await native(withoutWatch(response))).toBe('');
  });

  test.for(modes)('is cancelled by the platform as by anybody else: watched for %s', async (mode) => {
    await using server = await origin(part);
    const { response, heard } = await fetched(server, mode);
    await withoutWatch(response).body!.cancel();
    expect(ends(heard)).toEqual(['incomplete']);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test.for(modes)('fails for the platform as for anybody else: watched for %s', async (mode) => {
    await using server = await origin(part);
    const { response, fail } = await fetched(server, mode);
    const reason = reasonOf(native(withoutWatch(response)));
    await settled();
    fail('enough');
    expect(await reason).toBe('enough');
  });
});

describe('body that is abandoned', () => {
  /** What a policy holds on to while nobody reads: a timer or a listener that may fail the body. */
  const held: unknown[] = [];
  afterEach(() => {
    held.length = 0;
  });

  // In a function of its own: the frame of an async test would hold the response.
  async function abandon(
    server: Origin,
    mode: Mode,
    look: (response: Response) => unknown,
  ): Promise<WeakRef<Response>> {
    const { response, heard, fail } = await fetched(server, mode);
    held.push(heard, fail);
    await look(response);
    return new WeakRef(response);
  }

  const looks: Record<string, (response: Response) => unknown> = {
    untouched: noop,
    'looked at': (response) => response.body!.locked,
    cloned: (response) => void response.clone(),
    read: (response) => response.text(),
  };

  test.for(inEachMode(Object.keys(looks)))('is collected though it is watched: %s, for %s', async ([look, mode]) => {
    await using server = await origin(hello);
    const reference = await abandon(server, mode, looks[look]!);
    await gcUntil(() => reference.deref() === undefined);
    expect(held).toHaveLength(2);
  });

  test.for(modes)('gives its connection back as it does on the platform: watched for %s', async (mode) => {
    await using server = await origin(part);
    await abandon(server, mode, noop);
    await gcUntil(() => server.exchanges[0]!.state === 'cut');
    expect(held).toHaveLength(2);
  });

  test.for(modes)('is not given up while a reader holds its stream: watched for %s', async (mode) => {
    await using server = await origin(part);
    const open = async (): Promise<ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>> =>
      (await fetched(server, mode)).response.body!.getReader();
    const reader = await open();
    expect(text((await reader.read()).value)).toBe('part');
    const canary = abandonedObject();
    await gcUntil(() => canary.deref() === undefined);
    const { answer }: { answer: ServerResponse } = server.exchanges[0]!;
    answer.end(' and the rest');
    expect(text((await reader.read()).value)).toBe(' and the rest');
  });

  test.for(inEachMode(['text', 'getReader', 'for await']))(
    'still fails for %s that waits for it, when nobody else holds it: watched for %s',
    async ([name, mode]) => {
      const read = (response: Response): Promise<string> =>
        name === 'text' ? response.text() : streamed[name]!(response.body!);
      const begin = (): readonly [reason: Promise<unknown>, fail: (error: unknown) => void] => {
        const { response, fail } = watch(new Response(new ReadableStream()), mode); // no socket stands behind it
        return [reasonOf(read(response)), fail];
      };
      const [reason, fail] = begin();
      await settled();
      const canary = abandonedObject();
      await gcUntil(() => canary.deref() === undefined);
      fail('enough');
      expect(await reason).toBe('enough');
    },
  );

  function abandonedObject(): WeakRef<object> {
    return new WeakRef({});
  }
});
