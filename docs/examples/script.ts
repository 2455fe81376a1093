/** A script that reads many pages, ten at a time, and prints which of them it could not read. */
import { pathToFileURL } from 'node:url';

import { createFetch, limit, standard, type KyoaFetch } from 'kyoa';

export const fetch: KyoaFetch = createFetch({
  use: [...standard({ timeout: { total: 60_000 } }), limit({ concurrency: 10 })],
});

export async function titles(urls: readonly string[]): Promise<(string | undefined)[]> {
  return Promise.all(
    urls.map(async (url) => {
      const response = await fetch(url);
      const page = await response.text();
      return response.ok ? /<title>(.*?)<\/title>/.exec(page)?.[1] : undefined;
    }),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const urls = process.argv.slice(2);
  const found = await titles(urls);
  for (const [index, title] of found.entries()) console.log(`${urls[index]}: ${title ?? 'could not be read'}`);
}
