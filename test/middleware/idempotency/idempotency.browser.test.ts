import { constant, createFetch, idempotency, IdempotencyError, observe, retry, type KyoaEvent } from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { reasonOf } from '../../support/promises.ts';

const { origin, control } = inject('origins');
const askServer = async (path: string): Promise<unknown> => (await fetch(control + path)).json();
const executions = (id: string): Promise<unknown> => askServer(`/executions?id=${id}`);

describe('idempotency in a page', () => {
  const events: KyoaEvent[] = [];
  const storage = indexeddb('idempotency');
  const send = createFetch({
    storage,
    use: [observe((event) => events.push(event)), idempotency(), retry({ backoff: constant(5) })],
  });
  let id: string;
  let requestId: string;
  beforeEach(() => {
    id = crypto.randomUUID();
    requestId = `order-${id}`;
    events.length = 0;
  });

  test('sends a request once, with retries and repeats', async () => {
    const url = `${origin}/work?then=503,ok&id=${id}`;
    const first = await send(url, { method: 'POST', body: 'one ticket', requestId });
    const again = await send(url, { method: 'POST', body: 'one ticket', requestId });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again).toMatchObject({ status: first.status, url, type: first.type });
    expect(await again.text()).toBe(await first.text());
    expect(await executions(id)).toBe(2); // the 503 and the response
    await expect(send(url, { method: 'POST', body: 'two tickets', requestId })).rejects.toThrow(IdempotencyError);
  });

  test.each<[string, () => BodyInit]>([
    ['text', () => 'grüße'],
    ['bytes', () => Uint8Array.of(0xff, 0, 1)],
    ['a Blob', () => new Blob(['a', 'b'], { type: 'text/plain' })],
    ['URLSearchParams', () => new URLSearchParams('a=b')],
    [
      'a form, whose boundary is new each time',
      () => {
        const form = new FormData();
        form.set('name', 'value');
        form.set('file', new Blob([Uint8Array.of(0x81, 0xff)]), 'photo.jpg');
        return form;
      },
    ],
  ])('recognises the same body: %s', async (_, body) => {
    const url = `${origin}/work?id=${id}`;
    const texts: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      // The source of the body of a Request is unknown.
      const init = { method: 'POST', body: body() };
      const response =
        n < 2 ? await send(url, { ...init, requestId }) : await send(new Request(url, init), { requestId });
      texts.push(await response.text());
    }
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).toContain('"body":"');
    expect(await executions(id)).toBe(1);
  });

  test('replays a body byte by byte', async () => {
    const path = `${origin}/gzip/ok?size=5000&id=${id}`;
    const bodies: Uint8Array[] = [];
    for (let n = 0; n < 2; n += 1) {
      bodies.push(new Uint8Array(await (await send(path, { method: 'POST', requestId })).arrayBuffer()));
    }
    expect(bodies[0]!.length).toBe(5_000);
    expect(bodies[1]).toEqual(bodies[0]);
    expect(events.map(({ type }) => type)).toContain('idempotency.replayed');
  });

  test('sends the request of another call at once when the first caller aborts', async () => {
    const url = `${origin}/work?then=hang,ok&id=${id}`;
    const leaving = new AbortController();
    const left = reasonOf(send(url, { method: 'POST', body: 'x', requestId, signal: leaving.signal }));
    await askServer(`/until?state=hanging&url=${encodeURIComponent(`/work?then=hang,ok&id=${id}`)}`);
    leaving.abort('gone');
    expect(await left).toBe('gone');
    expect((await send(url, { method: 'POST', body: 'x', requestId })).status).toBe(200);
    expect(events.map(({ type }) => type)).not.toContain('idempotency.recovered');
  });
});
