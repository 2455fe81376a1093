import { describe, expect, test } from 'vitest';
import { bodySource, copyBodySource, isRereadable, setBodySource } from '../../../src/core/engine/body-source.ts';

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const textOf = (body: BodyInit | undefined): Promise<string> => new Response(body).text();

function withSource(body: BodyInit): Request {
  const request = new Request('http://api.example/', { method: 'POST', body, duplex: 'half' } as RequestInit);
  setBodySource(request, body);
  return request;
}

function form(): FormData {
  const form = new FormData();
  form.append('field', 'before');
  form.append('field', 'again');
  return form;
}

describe('bodySource', () => {
  test('is undefined for a Request that kyoa has not created', () => {
    expect(bodySource(new Request('http://api.example/', { method: 'POST', body: 'text' }))).toBeUndefined();
  });

  test.each([
    ['a string', 'text'],
    ['a Blob', new Blob(['text'])],
    ['a stream', new Blob(['text']).stream()],
  ])('is %s itself', (_, body) => {
    expect(bodySource(withSource(body))).toBe(body);
  });

  test('does not change when the caller changes its bytes', async () => {
    const whole = bytes('before');
    const request = withSource(whole);
    const part = withSource(whole.subarray(1, 3));
    const buffer = withSource(whole.buffer);
    const view = withSource(new DataView(whole.buffer, 3, 2));
    whole.fill(0);
    expect(await Promise.all([request, part, buffer, view].map((each) => textOf(bodySource(each))))).toEqual([
      'before',
      'ef',
      'before',
      'or',
    ]);
  });

  test('does not change when the caller changes its form', async () => {
    const [params, data] = [new URLSearchParams({ a: 'before' }), form()];
    const [one, two] = [withSource(params), withSource(data)];
    params.set('a', 'after');
    data.set('field', 'after');
    expect(await textOf(bodySource(one))).toBe('a=before');
    expect([...(bodySource(two) as FormData)]).toEqual([...form()]);
  });

  test('is copied to a Request that sends the same body', () => {
    const request = new Request('http://api.example/', { method: 'POST' });
    expect(copyBodySource(request, withSource('text'))).toBe(request);
    expect(bodySource(request)).toBe('text');
    copyBodySource(request, new Request('http://api.example/'));
    expect(bodySource(request)).toBe('text');
  });
});

describe('isRereadable', () => {
  test.each<[string, BodyInit]>([
    ['a string', ''],
    ['an ArrayBuffer', new ArrayBuffer(1)],
    ['a view of bytes', new DataView(new ArrayBuffer(1))],
    ['a Blob', new Blob()],
    ['URLSearchParams', new URLSearchParams()],
    ['a FormData', new FormData()],
  ])('is true for %s', (_, body) => {
    expect(isRereadable(body)).toBe(true);
  });

  test.each<[string, BodyInit]>([
    ['a stream', new ReadableStream()],
    ['an async iterable', (async function* () {})() as unknown as BodyInit],
  ])('is false for %s', (_, body) => {
    expect(isRereadable(body)).toBe(false);
  });
});
