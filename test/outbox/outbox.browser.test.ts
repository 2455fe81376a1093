/** An outbox in a page, with IndexedDB: bodies, events of the page, and frames that share what waits. */
import { createFetch, StorageError, type Storage } from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';
import { outbox, type Outbox } from 'kyoa/outbox';
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest';

import { reasonOf } from '../support/promises.ts';

const { origin, control, refused } = inject('origins');
const askServer = async (path: string): Promise<unknown> => (await fetch(control + path)).json();
const executions = (id: string): Promise<unknown> => askServer(`/executions?id=${id}`);

let id: string;
let storage: Storage;
const opened: Outbox[] = [];
beforeEach(() => {
  id = crypto.randomUUID();
  storage = indexeddb(`outbox-${id}`);
});
afterEach(async () => {
  for (const box of opened.splice(0)) box.close();
  vi.unstubAllGlobals();
  await storage.close();
});

/** A client whose server refuses connections until `online` is set. */
const open = () => {
  const network = { online: false };
  const box = outbox({ backoff: () => 3_600_000 });
  opened.push(box);
  const api = createFetch({
    use: [box],
    storage,
    fetch: (url, init) => fetch(network.online ? url : refused, init),
  });
  const post = (body: BodyInit, requestId = id): Promise<Response> =>
    api(`${origin}/work?id=${id}`, { method: 'POST', body, requestId });
  return { network, box, post };
};

describe('outbox in a page', () => {
  test.each<[string, () => BodyInit]>([
    ['text', () => '\uFEFFgrüße'],
    ['bytes', () => Uint8Array.of(0xff, 0, 1)],
    ['a Blob', () => new Blob(['a', 'b'], { type: 'text/plain' })],
    ['URLSearchParams', () => new URLSearchParams('a=b')],
    [
      'a form with a file',
      () => {
        const form = new FormData();
        form.set('name', 'value');
        form.set('file', new Blob([Uint8Array.of(0x81, 0xff)]), 'photo.jpg');
        return form;
      },
    ],
  ])('keeps %s, and knows it again', async (_, body) => {
    const { network, box, post } = open();
    expect((await post(body())).status).toBe(202);
    expect((await post(body())).status).toBe(202); // the same request
    expect(await box.waiting()).toHaveLength(1);
    network.online = true;
    expect(await box.flush()).toBe(0);
    expect(await executions(id)).toBe(1);
    expect((await post(body())).headers.get('idempotency-replayed')).toBe('true');
  });

  test.each(['online', 'visibilitychange'])('sends what waits at the event %s', async (type) => {
    const { network, box, post } = open();
    expect((await post('one')).status).toBe(202);
    network.online = true;
    (type === 'online' ? window : document).dispatchEvent(new Event(type));
    await vi.waitFor(async () => expect(await box.waiting()).toEqual([]));
    expect(await executions(id)).toBe(1);
  });

  test('listens to no event after close', async () => {
    const { network, box, post } = open();
    await post('one');
    const removed: string[] = [];
    for (const target of [window, document])
      vi.spyOn(target, 'removeEventListener').mockImplementation((type) => void removed.push(type));
    box.close();
    expect(removed).toEqual(expect.arrayContaining(['online', 'visibilitychange']));
    vi.restoreAllMocks();
    network.online = true;
    window.dispatchEvent(new Event('online'));
    expect(await box.waiting()).toHaveLength(1);
    expect(await executions(id)).toBe(0);
  });

  test('keeps a request at once while the browser says that it is offline, and is not held up if that is wrong', async () => {
    vi.stubGlobal(
      'navigator',
      new Proxy(navigator, { get: (target, name) => (name === 'onLine' ? false : Reflect.get(target, name)) }),
    );
    const { network, box, post } = open();
    network.online = true;
    expect((await post('one')).status).toBe(202);
    expect(await executions(id)).toBe(0);
    expect(await box.flush()).toBe(0);
    expect(await executions(id)).toBe(1);
  });

  test('has another document of the same site send what waits', async () => {
    const { box, post } = open();
    await post('one');
    box.close();
    const frame = document.body.appendChild(document.createElement('iframe'));
    const inFrame = (frame.contentWindow as unknown as { eval(code: string): Promise<number> }).eval.bind(
      frame.contentWindow,
    );
    const url = (path: string): string => JSON.stringify(new URL(path, location.href));
    const left = await inFrame(`(async () => {
      const [{ createFetch }, { indexeddb }, { outbox }] = await Promise.all([
        import(${url('/src/index.ts')}), import(${url('/adapters/storage/indexeddb.ts')}), import(${url('/src/outbox.ts')}),
      ]);
      const box = outbox();
      createFetch({ use: [box], storage: indexeddb('outbox-${id}') });
      const left = await box.flush();
      box.close();
      return left;
    })()`);
    frame.remove();
    expect(left).toBe(0);
    expect(await executions(id)).toBe(1);
  });

  test('two outboxes that hear of the network together send each request once', async () => {
    const [one, other] = [open(), open()];
    for (let n = 0; n < 6; n += 1) await (n % 2 ? one : other).post(`${n}`, `${id}-${n}`);
    one.network.online = true;
    other.network.online = true;
    window.dispatchEvent(new Event('online'));
    await vi.waitFor(async () => expect(await one.box.waiting()).toEqual([]), 5_000);
    expect(await executions(id)).toBe(6);
  });

  test('a database that fails rejects the call before anything is sent', async () => {
    const { network, post } = open();
    network.online = true;
    await storage.close();
    expect(await reasonOf(post('one'))).toBeInstanceOf(StorageError);
    expect(await executions(id)).toBe(0);
  });

  test('a response that a redirect hides is settled', async () => {
    const { network, box } = open();
    const api = createFetch({
      use: [box],
      storage,
      fetch: (url, init) => fetch(network.online ? url : refused, init),
    });
    const moved = `${origin}/redirect/to`;
    expect((await api(moved, { method: 'POST', body: 'x', redirect: 'manual', requestId: 'moved' })).status).toBe(202);
    network.online = true;
    expect(await box.flush()).toBe(0);
    for await (const { error } of box.settled()) {
      expect(error).toMatchObject({ code: 'OUTBOX_FAILED' });
      break;
    }
  });
});
