import { describe, expect, test } from 'vitest';
import { bodySource, setBodySource } from '../../../src/core/engine/body-source.ts';
import { derive, headersFor, referrerOf, withHeaders } from '../../../src/core/engine/derive-request.ts';
import { LazyGet } from '../../../src/core/engine/lazy-request.ts';

const url = 'http://api.example/';

function withSource(body: string, init: RequestInit = {}): Request {
  const request = new Request(url, { method: 'POST', body, ...init });
  setBodySource(request, body);
  return request;
}

function form(): FormData {
  const form = new FormData();
  form.append('a', 'body');
  return form;
}

describe('derive', () => {
  test('keeps the referrer and its policy', () => {
    const request = new Request(url, { referrer: `${url}from`, referrerPolicy: 'no-referrer' });
    expect(derive(request, { headers: { 'x-attempt': '2' } })).toMatchObject({
      referrer: `${url}from`,
      referrerPolicy: 'no-referrer',
    });
  });

  test('copies the body source', () => {
    expect(bodySource(derive(withSource('a body')))).toBe('a body');
  });

  test('does not follow the signal of the request', () => {
    const controller = new AbortController();
    const derived = derive(new Request(url, { signal: controller.signal }));
    controller.abort();
    expect(derived.signal.aborted).toBe(false);
  });
});

describe('withHeaders', () => {
  test('leaves the original and its body source as they are', () => {
    const request = withSource('a body', { headers: { a: '1', b: '2' }, referrer: '' });
    const changed = withHeaders(request, { b: '3' });
    expect(Object.fromEntries(changed.headers)).toMatchObject({ a: '1', b: '3' });
    expect(request.headers.get('b')).toBe('2');
    expect([changed.method, changed.referrer, bodySource(changed)]).toEqual(['POST', '', 'a body']);
  });

  test.each([
    ['a string', () => 'a body'],
    ['bytes', () => new TextEncoder().encode('a body')],
    ['a Blob', () => new Blob(['a body'])],
    ['parameters', () => new URLSearchParams({ a: 'body' })],
    ['a form', form],
  ])('sends %s again and again', async (_, body) => {
    const request = new Request(url, { method: 'POST', body: body() });
    setBodySource(request, body());
    for (const a of ['1', '2']) {
      const changed = withHeaders(request, { a });
      expect(changed.headers.get('a')).toBe(a);
      const type = changed.headers.get('content-type');
      const text = await changed.text();
      if (type?.startsWith('multipart/')) expect(text).toContain(type.replace(/.*boundary=/, ''));
      else expect(text).toBe(await new Response(body()).text());
    }
  });

  test('does not restore a content type that was removed', async () => {
    const request = withSource('a body');
    request.headers.delete('content-type');
    const changed = withHeaders(request, { a: '1' });
    expect([...changed.headers]).toEqual([['a', '1']]);
    expect(await changed.text()).toBe('a body');
  });

  test('moves a stream, which can be sent once', async () => {
    const init = { method: 'POST', body: new Blob(['a body']).stream(), duplex: 'half' } as const;
    const request = new Request(url, init);
    setBodySource(request, init.body);
    expect(await withHeaders(request, { a: '1' }).text()).toBe('a body');
    expect(request.bodyUsed).toBe(true);
  });

  test('removes a header whose value is undefined', () => {
    const changed = withHeaders(new Request(url, { headers: { a: '1', b: '2' } }), { a: undefined });
    expect([...changed.headers]).toEqual([['b', '2']]);
  });

  test('takes a GET that has no Request yet', () => {
    const lazy = new LazyGet(url);
    expect([...withHeaders(lazy, { a: '1' }).headers]).toEqual([['a', '1']]);
    expect(lazy.isUntouched).toBe(true);
  });
});

describe('referrerOf', () => {
  test('is empty for the defaults', () => {
    expect(referrerOf(new Request(url))).toEqual({});
  });
});

describe('headersFor', () => {
  const headers = new Headers({ 'content-type': 'text/plain', a: '1' });

  test('copies the headers', () => {
    expect([...headersFor('a body', headers)]).toEqual([...headers]);
  });

  test('leaves the content type of a form to the platform', () => {
    expect([...headersFor(new FormData(), headers)]).toEqual([['a', '1']]);
    expect(headers.get('content-type')).toBe('text/plain');
  });
});
