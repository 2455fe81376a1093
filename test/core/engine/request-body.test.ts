import { describe, expect, test } from 'vitest';
import { isStream, isTyped, snapshot, withoutType } from '../../../src/core/engine/request-body.ts';

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const textOf = (body: BodyInit): Promise<string> => new Response(body).text();

function form(): FormData {
  const form = new FormData();
  form.append('field', 'before');
  form.append('field', 'again');
  form.append('file', new File(['content'], 'name.txt', { type: 'text/css', lastModified: 0 }));
  return form;
}

const iterable = (): BodyInit => (async function* () {})() as unknown as BodyInit;

describe('snapshot', () => {
  test.each<[string, BodyInit]>([
    ['a string', 'text'],
    ['a Blob', new Blob(['text'])],
    ['a stream', new ReadableStream()],
  ])('returns %s itself', (_, body) => {
    expect(snapshot(body)).toBe(body);
  });

  test('makes a stream of an async iterable, which would be sent empty the second time', async () => {
    const parts = (async function* () {
      yield bytes('a');
      yield bytes('b');
    })();
    const stream = snapshot(parts as unknown as BodyInit);
    expect(stream).toBeInstanceOf(ReadableStream);
    expect(await textOf(stream)).toBe('ab');
  });

  test('refuses a symbol, which has no text', () => {
    expect(() => snapshot(Symbol('body') as never)).toThrow(TypeError);
  });

  test('does not change when the caller changes or transfers the bytes', async () => {
    const whole = bytes('before');
    const taken = [whole, whole.subarray(1, 3), whole.buffer, new DataView(whole.buffer, 3, 2)].map(snapshot);
    const transferred = snapshot(bytes('before'));
    whole.fill(0);
    structuredClone(whole.buffer, { transfer: [whole.buffer] });
    expect(await Promise.all(taken.map(textOf))).toEqual(['before', 'ef', 'before', 'or']);
    expect(await textOf(transferred)).toBe('before');
  });

  test('does not change when the caller changes the form', async () => {
    const [params, data] = [new URLSearchParams({ a: 'before' }), form()];
    const [one, two] = [snapshot(params), snapshot(data)];
    params.set('a', 'after');
    data.set('field', 'after');
    expect(await textOf(one)).toBe('a=before');
    expect([...(two as FormData)]).toEqual([...form()]);
    expect((two as FormData).get('file')).toMatchObject({ name: 'name.txt', type: 'text/css' });
  });
});

const kinds: readonly (readonly [name: string, make: () => BodyInit, isStream: boolean])[] = [
  ['a string', () => '', false],
  ['an ArrayBuffer', () => new ArrayBuffer(1), false],
  ['a view of bytes', () => new DataView(new ArrayBuffer(1)), false],
  ['a Blob', () => new Blob([], { type: 'text/css' }), false],
  ['a Blob without a type', () => new Blob(), false],
  ['URLSearchParams', () => new URLSearchParams(), false],
  ['a FormData', () => new FormData(), false],
  ['a stream', () => new ReadableStream(), true],
  ['an async iterable', iterable, true],
];

describe('isStream', () => {
  test.each(kinds)('knows whether %s can be sent once only', (_, make, expected) => {
    expect(isStream(make())).toBe(expected);
  });

  test.each([null, undefined])('is false for %s', (body) => {
    expect(isStream(body)).toBe(false);
  });
});

describe('isTyped', () => {
  test.each(kinds)('knows whether the platform derives a content-type from %s', (_, make) => {
    const request = new Request('http://api.example/', { method: 'POST', body: make(), duplex: 'half' } as RequestInit);
    expect(isTyped(make())).toBe(request.headers.has('content-type'));
  });

  test('is false for no body', () => {
    expect(isTyped(null)).toBe(false);
  });
});

describe('withoutType', () => {
  test.each(kinds.filter(([name]) => name !== 'a FormData' && name !== 'an async iterable'))(
    'gives %s no type',
    async (_, make) => {
      const body = withoutType(make())!;
      expect(new Response(body).headers.get('content-type')).toBeNull();
    },
  );

  test('has the text of a string and of URLSearchParams', async () => {
    expect(await textOf(withoutType('ä')!)).toBe('ä');
    expect(await textOf(withoutType(new URLSearchParams({ a: 'b c' }))!)).toBe('a=b+c');
    expect(await textOf(withoutType(new Blob(['x'], { type: 'a/b' }))!)).toBe('x');
  });
});
