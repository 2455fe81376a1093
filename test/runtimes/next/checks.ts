/** The checks inside Next: those of all runtimes, and those of its patched fetch. They run while a page is rendered. */
import kyoa, { constant, createFetch, hedge, retry, standard } from 'kyoa';

import { recorded, type Outcome } from '../outcomes.ts';
import { smoke } from '../smoke.ts';

interface Options {
  readonly origin: string;
  readonly without: readonly string[];
}

/** Renders once. `part` is the part of the page that asks. */
export async function outcomesOf(part: string, { origin, without }: Options): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const check = recorded((outcome) => outcomes.push(outcome));
  const url = (path: string, id: string): string => `${origin}${path}?id=${id}`;
  const requests = async (id: string): Promise<number> => {
    const seen = await fetch(url('/seen', id), { signal: new AbortController().signal });
    return ((await seen.json()) as { requests: number }).requests;
  };

  if (part === 'smoke') await smoke(check, { origin, without });
  if (part === 'retry') {
    const api = createFetch({ use: [retry({ backoff: constant(10) })] });
    await check("a retry is not served from Next's memo of the first attempt", async () => {
      const response = await api(url('/unsteady', 'next-retry'));
      equal([response.status, await requests('next-retry')], [200, 2]);
    });
    await check('nor with `next: { revalidate }`', async () => {
      const response = await api(url('/unsteady', 'next-retry-cached'), { next: { revalidate: 60 } } as RequestInit);
      equal([response.status, await requests('next-retry-cached')], [200, 2]);
    });
    await check('nor in the client, whose transport gets a Request', async () => {
      const response = await kyoa.get(url('/unsteady', 'next-retry-client'));
      equal([response.status, await requests('next-retry-client')], [200, 2]);
    });
    await check('nor is the copy of a hedge', async () => {
      const hedged = createFetch({ use: [hedge({ delay: 50 })] });
      const response = await hedged(new Request(`${url('/slow-once', 'next-hedge')}&ms=3000`));
      equal([await response.json(), await requests('next-hedge')], [{ requests: 2 }, 2]);
    });
    await check("calls of one rendering share Next's memo, where no policy has a signal", async () => {
      const bodies = [await api(url('/json', 'next-memo')), await api(url('/json', 'next-memo'))];
      equal([bodies.map(({ status }) => status), await requests('next-memo')], [[200, 200], 1]);
    });
    await check('a call may override a policy in the code that Next has minified', async () => {
      const response = await api(url('/unsteady', 'next-override'), { retry: false });
      equal([response.status, await requests('next-override')], [503, 1]);
    });
  }
  if (part === 'cache') {
    const api = createFetch({ use: standard() });
    await check('`next: { revalidate, tags }` reach the fetch of Next', async () => {
      const init = { next: { revalidate: 3_600, tags: ['users'] } } as RequestInit;
      equal(await (await api(url('/json', 'next-cache'), init)).json(), { name: 'Ada' });
    });
    outcomes.push({ name: `requests: ${await requests('next-cache')}` });
  }
  return outcomes;
}

function equal(actual: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (left !== right) throw new Error(`expected ${right}, got ${left}`);
}
