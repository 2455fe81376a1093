/** A body that breaks off in a browser: its errors are other ones, and a page does not see all headers. */
import { describe, expect, inject, test } from 'vitest';
import { constant, createFetch, observe, resume, type KyoaEvent } from '../../../src/index.ts';
import { reasonOf } from '../../support/promises.ts';

const broken = inject('broken');

function watched(): { fetch: typeof globalThis.fetch; events: KyoaEvent[] } {
  const events: KyoaEvent[] = [];
  const fetch = createFetch({ use: [observe((event) => events.push(event)), resume({ backoff: constant(0) })] });
  return { fetch, events };
}
const decisions = (events: readonly KyoaEvent[]): string[] =>
  events.map(({ type }) => type).filter((type) => type.startsWith('resume'));

describe('resume in Chromium', () => {
  test.each<[string, string, string]>([
    ['continues a body whose headers are exposed', 'exposed', 'resume.continued'],
    ['reads a body again whose headers are not exposed, and compares', 'hidden', 'resume.restarted'],
  ])('%s', async (_what, kind, type) => {
    const { fetch, events } = watched();
    const response = await fetch(`${broken}/${kind}?id=${crypto.randomUUID()}`, { cache: 'no-store' });
    expect(await new Response(response.body).text()).toBe('kyoa '.repeat(40_000));
    expect(new Set(decisions(events))).toEqual(new Set([type]));
  });

  test.each(['text', 'json', 'bytes', 'blob'] as const)('reads %s() again', async (method) => {
    const { fetch, events } = watched();
    const kind = method === 'json' ? 'json' : 'hidden';
    const response = await fetch(`${broken}/${kind}?id=${crypto.randomUUID()}`, { cache: 'no-store' });
    const read: unknown = await response[method]();
    const length = read instanceof Blob ? read.size : (read as string).length;
    expect(length).toBe(200_000);
    expect(decisions(events)[0]).toBe('resume.restarted');
  });

  test.each(['a reader', 'a pipe beside that of a clone'])(
    'rejects %s with BODY_CHANGED, and not with an error of Chromium',
    async (how) => {
      const { fetch } = watched();
      const response = await fetch(`${broken}/changed?id=${crypto.randomUUID()}`, { cache: 'no-store' });
      if (how === 'a reader') {
        const reader = response.body!.getReader();
        const read = async (): Promise<void> => {
          while (!(await reader.read()).done);
        };
        expect(await reasonOf(read())).toMatchObject({ code: 'BODY_CHANGED' });
      } else {
        const copy = response.clone();
        void copy.body!.pipeTo(new WritableStream()).catch(() => {});
        expect(await reasonOf(response.body!.pipeTo(new WritableStream()))).toMatchObject({ code: 'BODY_CHANGED' });
      }
    },
  );
});
