import { describe, expect, test } from 'vitest';
import kyoa, { createFetch, limit, standard, type Fetch, type Middleware } from '../../src/index.ts';
import { silent } from '../support/call.ts';
import { url } from '../support/http.ts';
import { reasonOf } from '../support/promises.ts';

type Call = (input: Request | string, init?: RequestInit) => Promise<Response>;

const entryPoints: Record<string, (use: readonly Middleware[]) => Call> = {
  createFetch: (use) => createFetch({ use, fetch: silent }),
  'the client': (use) => kyoa.create({ use, fetch: silent }),
};

const refuse: Middleware = async () => {
  throw new Error('refused');
};
const replay: Middleware = async () => new Response('of an earlier call');

describe.each(Object.keys(entryPoints))('a body that a call of %s has not sent', (name) => {
  const call = entryPoints[name]!;
  /** A stream that records how it was cancelled. */
  function upload(): { readonly init: RequestInit; readonly reasons: unknown[] } {
    const reasons: unknown[] = [];
    const body = new ReadableStream({ cancel: (reason) => void reasons.push(reason) }, { highWaterMark: 0 });
    return { init: { method: 'POST', body, duplex: 'half' } as RequestInit, reasons };
  }

  async function expectCancelled(begin: () => Call, reason: unknown, signal?: () => AbortSignal): Promise<void> {
    for (const given of ['init', 'Request']) {
      const { init, reasons } = upload();
      const options = signal ? { signal: signal() } : {};
      const response =
        given === 'init' ? begin()(url, { ...init, ...options }) : begin()(new Request(url, init), options);
      const settled = await reasonOf(Promise.resolve(response).then(() => undefined));
      expect([settled, reasons]).toEqual([reason, [reason]]);
    }
  }

  test('is cancelled if the signal has aborted before', async () => {
    await expectCancelled(
      () => call([]),
      'left',
      () => AbortSignal.abort('left'),
    );
  });

  test('is cancelled if the caller aborts while the call waits in a queue', async () => {
    const policy = limit({ concurrency: 1 });
    void call([policy])(url).catch(() => undefined);
    const leave = (): AbortSignal => {
      const controller = new AbortController();
      setTimeout(() => controller.abort('left'));
      return controller.signal;
    };
    await expectCancelled(() => call([policy]), 'left', leave);
  });

  test('is cancelled if a middleware rejects', async () => {
    await expectCancelled(() => call([refuse]), new Error('refused'));
  });

  test('is cancelled if a middleware responds by itself', async () => {
    const { init, reasons } = upload();
    expect(await (await call([replay])(url, init)).text()).toBe('of an earlier call');
    expect(reasons).toEqual([undefined]);
  });

  test('counts as used if it is that of a Request', async () => {
    for (const body of ['text', new Blob(['bytes']), new FormData(), upload().init.body!]) {
      const request = new Request(url, { method: 'POST', body, duplex: 'half' } as RequestInit);
      await reasonOf(call([refuse])(request));
      expect(request.bodyUsed).toBe(true);
    }
  });
});

describe.each(['init', 'Request'])('a body that the %s gives to a transport', (given) => {
  /** Responds before it reads the request, as an app in the same process may. */
  const echo: Fetch = async (input, init) => {
    const { body } = new Request(input, init);
    return new Response(body);
  };
  test.each<[string, (fetch: Fetch) => Call]>([
    ['createFetch', (fetch) => createFetch({ fetch })],
    ['createFetch with standard()', (fetch) => createFetch({ use: standard(), fetch })],
    ['the client', (fetch) => kyoa.create({ fetch })],
  ])('is still readable after the response (%s)', async (_name, create) => {
    const body = new Blob(['upload']).stream();
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    const call = create(echo);
    const response = given === 'init' ? await call(url, init) : await call(new Request(url, init));
    expect(await response.text()).toBe('upload');
  });
});
