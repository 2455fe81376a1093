import { expect, test } from 'vitest';
import { watchBody } from '../../../src/lib/body/watch.ts';
import { flood, origin } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';
import { ends, fetchWatched, modes, part, text } from './watched.ts';

test.for(modes)(
  'a reader learns from `closed` that its connection broke off between two reads (watching %s)',
  async (mode) => {
    await using server = await origin(part);
    const { response, reports } = await fetchWatched(server, mode);
    const reader = response.body!.getReader();
    expect(text((await reader.read()).value)).toBe('part');
    server.exchanges[0]!.request.socket.destroy();
    expect(await reasonOf(reader.closed)).toMatchObject({ message: 'terminated' });
    expect(ends(reports)).toEqual(['incomplete']);
    expect(await reasonOf(reader.read())).toMatchObject({ message: 'terminated' });
  },
);

test('a watcher that throws fails the stream and closes its connection', async () => {
  await using server = await origin(flood);
  const response = await fetch(server.url);
  const mistake = new Error('a mistake');
  const chunk = (): never => {
    throw mistake;
  };
  const reports: boolean[] = [];
  watchBody(response, { end: (complete) => reports.push(complete), chunk });
  expect(await reasonOf(response.body!.getReader().read())).toBe(mistake);
  expect(await server.exchanges[0]!.over).toBe('cut');
  expect(reports).toEqual([false]);
});
