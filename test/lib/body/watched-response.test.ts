import { describe, expect, test, vi } from 'vitest';
import { noop } from '../../../src/lib/noop.ts';
import { withoutWatch } from '../../../src/lib/body/watch.ts';
import { origin, settled } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';
import { ends, fetchWatched, hello, inBothModes, modes, part, watch } from './watched.ts';

describe('a watched response', () => {
  /** What a caller can observe of a response. */
  const views: Record<string, (response: Response) => unknown> = {
    'before it is read': (r) => [r.bodyUsed, r.body!.locked, r.bodyUsed],
    'while it is read': async (r) => {
      const read = r.text();
      return [r.bodyUsed, r.body!.locked, r.bodyUsed, await read];
    },
    'when it has been read': async (r) => [await r.text(), r.bodyUsed, r.body!.locked, r.bodyUsed],
    'when it is read a second time': async (r) => [await r.text(), await nameOf(r.text()), await nameOf(r.json())],
    'when it is read twice at once': async (r) => Promise.all([r.text(), nameOf(r.text())]),
    'when its body member is read before it': async (r) => [r.body!.locked, await r.text(), r.bodyUsed, r.body!.locked],
    'when its body member is read between two reads': async (r) => [
      await r.text(),
      r.body!.locked,
      await nameOf(r.text()),
      r.bodyUsed,
    ],
    'once a reader has locked it': async (r) => {
      r.body!.getReader();
      return [r.body!.locked, r.bodyUsed, await nameOf(r.text())];
    },
    'once a reader has released it': async (r) => {
      r.body!.getReader().releaseLock();
      return [r.body!.locked, r.bodyUsed, await r.text()];
    },
    'once a reader has read a chunk and released it': async (r) => {
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
    'when a reader is requested while it is read': async (r) => {
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
    'when it is cloned while a reader has locked it': (r) => {
      r.body!.getReader();
      return thrownBy(() => r.clone());
    },
    'when it is cloned after a reader has read a chunk': async (r) => {
      const reader = r.body!.getReader();
      await reader.read();
      reader.releaseLock();
      return thrownBy(() => r.clone());
    },
    'when it is cloned after it was cancelled': async (r) => {
      await r.body!.cancel();
      return thrownBy(() => r.clone());
    },
    'when its body member is read and it is cloned': async (r) => {
      const looked = r.body!.locked;
      const copy = r.clone();
      return [looked, r.bodyUsed, await copy.text(), r.bodyUsed, await r.text(), r.bodyUsed];
    },
    'when one of its methods is replaced': async (r) => {
      r.json = async () => `mine, of ${await r.text()}`; // as ky does for `parseJson`
      return r.json();
    },
    'when its members are listed': (r) => {
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

  test.for(inBothModes(Object.keys(views)))('behaves as on the platform %s (watching %s)', async ([view, mode]) => {
    await using server = await origin(hello);
    const native = await views[view]!(await fetch(server.url));
    const { response } = await fetchWatched(server, mode);
    expect(await views[view]!(response)).toEqual(native);
  });

  test.for(modes)('reports no end when the body member is read during a read (watching %s)', async (mode) => {
    await using server = await origin(part);
    const { response, reports } = await fetchWatched(server, mode);
    const read = response.text();
    void response.body!.locked;
    await settled();
    expect(ends(reports)).toEqual([]);
    server.exchanges[0]!.response.end(' and the rest');
    expect(await read).toBe('part and the rest');
    expect(ends(reports)).toEqual(['complete']);
  });
});

describe('withoutWatch', () => {
  /** Reads as a platform does: from the internal slots, without the members of the object. */
  const native = (response: Response): Promise<string> => Response.prototype.text.call(response);

  test('returns the response itself if no policy watches it', () => {
    const response = new Response('hello');
    expect(withoutWatch(response)).toBe(response);
  });

  test.for(modes)('keeps the bytes where the platform reads them (watching %s)', async (mode) => {
    await using server = await origin(({ response }) => {
      response.writeHead(207, 'Mixed', { 'x-kind': 'kept', 'content-type': 'text/plain' }).end('hello');
    });
    for (const look of [noop, (response: Response) => void response.body!.locked]) {
      const { response, reports } = await fetchWatched(server, mode);
      look(response);
      const bare = withoutWatch(response);
      expect(Object.getPrototypeOf(bare)).toBe(Response.prototype);
      expect(bare).toMatchObject({ status: 207, statusText: 'Mixed' });
      expect([...bare.headers]).toEqual([...response.headers]);
      expect(await native(bare)).toBe('hello');
      await vi.waitFor(() => expect(ends(reports)).toEqual(['complete']));
    }
  });

  test('has no body if the response has none', async () => {
    const { response } = watch(new Response(null, { status: 204 }), 'the end');
    expect(withoutWatch(response)).toMatchObject({ status: 204, body: null });
    expect(await native(withoutWatch(response))).toBe('');
  });

  test.for(modes)('reports the end when the platform cancels the body (watching %s)', async (mode) => {
    await using server = await origin(part);
    const { response, reports } = await fetchWatched(server, mode);
    await withoutWatch(response).body!.cancel();
    expect(ends(reports)).toEqual(['incomplete']);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test.for(modes)('passes the error of a failure to the platform (watching %s)', async (mode) => {
    await using server = await origin(part);
    const { response, fail } = await fetchWatched(server, mode);
    const reason = reasonOf(native(withoutWatch(response)));
    await settled();
    fail('enough');
    expect(await reason).toBe('enough');
  });
});
