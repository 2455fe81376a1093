import { describe, expect, test, vi } from 'vitest';
import { noop } from '../../../src/lib/noop.ts';
import type { Bytes } from '../../../src/lib/body/streams.ts';
import { watchBody } from '../../../src/lib/body/watch.ts';
import { origin, settled, type Origin } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';
import {
  ends,
  fetchWatched,
  hello,
  inBothModes,
  keysOf,
  methods,
  modes,
  part,
  responding,
  streamed,
  text,
  watch,
  type Watched,
} from './watched.ts';

describe('watchBody', () => {
  test.for(modes)('keeps the response and its clone as they are (watching %s)', async (mode) => {
    await using server = await origin(({ request, response }) => {
      if (request.url === '/there') response.setHeader('x-kind', 'kept').end('hello');
      else response.writeHead(302, { location: '/there' }).end();
    });
    const native = await fetch(server.url);
    const { response } = await fetchWatched(server, mode);
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

  test.for(inBothModes(keysOf(methods)))(
    'reports the end once when %s() has read the body (watching %s)',
    async ([name, mode]) => {
      const [content, shown] = methods[name];
      const type = name === 'json' ? 'application/json' : 'application/x-www-form-urlencoded';
      await using server = await origin(responding(content, type));
      const native = await (await fetch(server.url))[name]();
      const { response, reports } = await fetchWatched(server, mode);
      expect(reports).toEqual([]);
      expect(await shown(await response[name]())).toEqual(await shown(native));
      expect(ends(reports)).toEqual(['complete']);

      expect(await reasonOf(response[name]())).toBeInstanceOf(TypeError); // a second read
      expect(ends(reports)).toEqual(['complete']);
    },
  );

  test.for(inBothModes(keysOf(streamed)))(
    'reports the end once when %s has read the body (watching %s)',
    async ([name, mode]) => {
      await using server = await origin(hello);
      const { response, reports } = await fetchWatched(server, mode);
      expect(await streamed[name](response.body!)).toBe('hello');
      await vi.waitFor(() => expect(ends(reports)).toEqual(['complete']));
      expect(response.bodyUsed).toBe(true);
    },
  );

  test.for(modes)('keeps the fields of a multipart form (watching %s)', async (mode) => {
    const form = new FormData();
    form.append('field', 'value');
    form.append('file', new File(['content'], 'name.txt', { type: 'text/plain' }));
    const made = new Response(form);
    const content = await made.clone().text();
    await using server = await origin(responding(content, made.headers.get('content-type')!));
    const { response, reports } = await fetchWatched(server, mode);
    const read = await response.formData();
    expect(read.get('field')).toBe('value');
    expect(read.get('file')).toMatchObject({ name: 'name.txt', type: 'text/plain', size: 7 });
    expect(ends(reports)).toEqual(['complete']);
  });

  test.for(modes)('reports the end when json() or formData() cannot parse the body (watching %s)', async (mode) => {
    await using server = await origin(hello);
    for (const name of ['json', 'formData'] as const) {
      const native = await reasonOf((await fetch(server.url))[name]());
      const { response, reports } = await fetchWatched(server, mode);
      const reason = await reasonOf(response[name]());
      expect([reason, (reason as Error).name]).toEqual([native, (native as Error).name]);
      expect(ends(reports)).toHaveLength(1);
    }
  });

  test.for(inBothModes(['a cancel', 'a cancel of a reader', 'a break out of for await']))(
    'reports the end after %s, which closes the connection (watching %s)',
    async ([how, mode]) => {
      await using server = await origin(part);
      const { response, reports } = await fetchWatched(server, mode);
      if (how === 'a cancel') await response.body!.cancel('enough');
      else if (how === 'a cancel of a reader') await response.body!.getReader().cancel('enough');
      else for await (const chunk of response.body!) if (text(chunk) === 'part') break;
      expect(ends(reports)).toEqual(['incomplete']);
      expect(await server.exchanges[0]!.over).toBe('cut');
    },
  );

  test.for(inBothModes(['text', 'getReader', 'for await', 'pipeTo'] as const))(
    'passes the error of the transport to %s when the connection breaks, and reports the end once (watching %s)',
    async ([name, mode]) => {
      await using server = await origin(part);
      const { response, reports } = await fetchWatched(server, mode);
      const read = name === 'text' ? response.text() : streamed[name](response.body!);
      const reason = reasonOf(read);
      await settled();
      server.exchanges[0]!.response.destroy();
      expect(await reason).toMatchObject({
        name: 'TypeError',
        message: 'terminated',
        cause: { code: 'UND_ERR_SOCKET' },
      });
      expect(ends(reports)).toEqual(['incomplete']);
    },
  );

  test.for(modes)('passes the error of the response’s own stream unchanged (watching %s)', async (mode) => {
    const error = new Error('of the stream');
    const broken = (): Watched =>
      watch(new Response(new ReadableStream({ pull: (controller) => controller.error(error) })), mode);
    const { response, reports } = broken();
    expect(await reasonOf(response.text())).toBe(error);
    expect(ends(reports)).toEqual(['incomplete']);
    expect(await reasonOf(broken().response.body!.getReader().read())).toBe(error);
  });

  test.for(modes)('reports nothing when the caller reads only the body member (watching %s)', async (mode) => {
    await using server = await origin(hello);
    for (const name of ['text', 'bytes', 'blob'] as const) {
      const { response, reports } = await fetchWatched(server, mode);
      if (!response.body) throw new Error('There is a body');
      expect(response.body.locked).toBe(false);
      expect(reports).toEqual([]);
      expect(await new Response(await response[name]()).text()).toBe('hello');
      expect(ends(reports)).toEqual(['complete']);
    }
  });

  test.for(modes)('keeps one stream for all reads of the body member (watching %s)', async (mode) => {
    await using server = await origin(hello);
    const { response } = await fetchWatched(server, mode);
    expect(response.body).toBe(response.body);
    await response.text();
  });

  test.for(modes)('leaves a body to a reader that had locked it before (watching %s)', async (mode) => {
    await using server = await origin(part);
    const native = await fetch(server.url);
    const reader = native.body!.getReader();
    const { response } = watch(native, mode);
    expect([response.body!.locked, response.bodyUsed]).toEqual([true, false]);
    expect(text((await reader.read()).value)).toBe('part');
    reader.releaseLock();
    expect([response.body!.locked, response.bodyUsed]).toEqual([false, true]);
    await response.body!.cancel();
  });

  test.for(modes)('reports no end when the platform refuses a read (watching %s)', async (mode) => {
    await using server = await origin(part);
    const { response, reports } = await fetchWatched(server, mode);
    const reader = response.body!.getReader();
    expect(await reasonOf(response.text())).toBeInstanceOf(TypeError);
    expect(ends(reports)).toEqual([]);
    await reader.read();
    reader.releaseLock();
    expect(await reasonOf(response.text())).toBeInstanceOf(TypeError);
    expect(ends(reports)).toEqual([]);
    server.exchanges[0]!.response.end(' and the rest');
    expect(await streamed.getReader(response.body!)).toBe(' and the rest');
    expect(ends(reports)).toEqual(['complete']);
  });

  test('refuses a BYOB reader where the transport does', () => {
    const stream = (): ReadableStream => new ReadableStream({ start: (controller) => controller.close() });
    for (const mode of modes) {
      const { response } = watch(new Response(stream()), mode);
      expect(() => response.body!.getReader({ mode: 'byob' })).toThrow(TypeError);
      expect(() => response.body!.getReader()).not.toThrow();
    }
  });

  test.for(modes)('reads no more chunks than the reader wants (watching %s)', async (mode) => {
    let pulls = 0;
    const stream = new ReadableStream<Bytes>(
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

  test.for(modes)('passes the reason of a cancel to the transport (watching %s)', async (mode) => {
    const cancel = vi.fn<(reason: unknown) => void>();
    const { response, reports } = watch(new Response(new ReadableStream({ cancel })), mode);
    await response.body!.cancel('enough');
    expect(cancel).toHaveBeenCalledExactlyOnceWith('enough');
    expect(ends(reports)).toEqual(['incomplete']);
  });

  test.for(modes)('does not wait for the transport to cancel (watching %s)', async (mode) => {
    const never = new Response(new ReadableStream({ cancel: () => new Promise(() => {}) }));
    await expect(watch(never, mode).response.body!.cancel()).resolves.toBeUndefined();
  });
});

describe('watchBody and its watchers', () => {
  test('reports each wait for a chunk, each chunk, and the end', async () => {
    await using server = await origin(({ response }) => void response.write('one'));
    const { response, reports } = await fetchWatched(server, 'chunks');
    const reader = response.body!.getReader();
    expect(reports).toEqual([]);
    await reader.read();
    await settled();
    expect(reports).toEqual(['wait', 'one']); // it reads no chunk before its reader wants one

    const next = reader.read();
    expect(reports).toEqual(['wait', 'one', 'wait']);
    server.exchanges[0]!.response.write('two');
    await next;
    expect(reports).toEqual(['wait', 'one', 'wait', 'two']);

    server.exchanges[0]!.response.end();
    expect((await reader.read()).done).toBe(true);
    expect(reports).toEqual(['wait', 'one', 'wait', 'two', 'wait', 'complete']);
  });

  test.for(keysOf(methods))('reports the chunks that %s() reads', async (name) => {
    const [content] = methods[name];
    const type = 'application/x-www-form-urlencoded';
    await using server = await origin(responding(content, type));
    const { response, reports } = await fetchWatched(server, 'chunks');
    await response[name]();
    expect(reports).toEqual(['wait', content, 'wait', 'complete']);
  });

  test('notifies every watcher, of chunks and of the end', async () => {
    await using server = await origin(hello);
    const { response, reports: first } = await fetchWatched(server, 'the end');
    const { reports: second } = watch(response, 'chunks');
    const { reports: third } = watch(response, 'chunks');
    const { reports: fourth } = watch(response, 'the end');
    await response.text();
    const chunks = ['wait', 'hello', 'wait', 'complete'];
    expect([first, second, third, fourth]).toEqual([['complete'], chunks, chunks, ['complete']]);
  });

  test.for(modes)('notifies a watcher that is added while the body is read (watching %s)', async (mode) => {
    await using server = await origin(part);
    const { response } = await fetchWatched(server, mode);
    const read = response.text();
    await settled();
    const { reports } = watch(response, 'the end');
    server.exchanges[0]!.response.end();
    await read;
    expect(reports).toEqual(['complete']);
  });

  test.for(modes)('notifies a watcher that is added after the end at once (watching %s)', async (mode) => {
    await using server = await origin(hello);
    const { response } = await fetchWatched(server, mode);
    await response.text();
    const { reports, fail } = watch(response, 'chunks');
    expect(reports).toEqual(['complete']);
    fail(new Error('too late'));
    expect(reports).toEqual(['complete']);
  });

  test.for(modes)(
    'notifies a watcher that is added after a cancel or a failure at once (watching %s)',
    async (mode) => {
      await using server = await origin(part);
      const cancelled = await fetchWatched(server, mode);
      await cancelled.response.body!.cancel();
      const failed = await fetchWatched(server, mode);
      failed.fail(new Error('enough'));
      for (const { response } of [cancelled, failed]) expect(watch(response, mode).reports).toEqual(['incomplete']);
    },
  );

  test('notifies the first watcher at once if the body has already been read', async () => {
    await using server = await origin(hello);
    const response = await fetch(server.url);
    await response.text();
    expect(ends(watch(response, 'the end').reports)).toHaveLength(1);
  });

  test('creates no stream for a watcher of the end', async () => {
    await using server = await origin(hello);
    const response = await fetch(server.url);
    const own = response.body!;
    watchBody(response, { end: noop });
    await response.text();
    expect(own.locked).toBe(true);
  });
});

describe('watchBody of a response without a body', () => {
  const none: Record<string, (server: Origin) => Promise<Response>> = {
    'a 204': (server) => fetch(`${server.url}204`),
    'a 304': (server) => fetch(`${server.url}304`),
    'the response to a HEAD request': (server) => fetch(server.url, { method: 'HEAD' }),
    'a null body': async () => new Response(null),
    'an error response': async () => Response.error(),
  };

  test.for(inBothModes(Object.keys(none)))('reports the end at once for %s (watching %s)', async ([which, mode]) => {
    await using server = await origin(({ request, response }) => {
      const status = Number(request.url!.slice(1)) || 200;
      response.writeHead(status, { 'content-length': status === 200 ? 5 : 0 }).end(status === 200 ? 'hello' : '');
    });
    const { response, reports, fail } = watch(await none[which]!(server), mode);
    expect(reports).toEqual(['complete']);
    expect(response.body).toBeNull();
    fail(new Error('too late'));
    expect(await response.text()).toBe('');
    expect(reports).toEqual(['complete']);
  });

  test.for(modes)('reports the end of an empty body when it is read (watching %s)', async (mode) => {
    await using server = await origin(({ response }) => void response.setHeader('content-length', 0).end());
    const native = await fetch(server.url);
    const { response, reports } = await fetchWatched(server, mode);
    expect(response.body === null).toBe(native.body === null);
    expect(await response.text()).toBe('');
    expect(ends(reports)).toEqual(['complete']);
  });
});
