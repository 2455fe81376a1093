/** What the small pictures show: the figures without a policy and with it, and the lines of those that write some. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { exhibits } from '../../../playground/embed/exhibits.ts';
import { openSimulation } from '../../../playground/embed/simulation.ts';
import { readLink } from '../../../playground/model/link.ts';
import { root } from '../../support/lanes.ts';

/** The text of a figure as a number, in ms if it is a duration. */
type Read = (title: string) => readonly [plain: number, kyoa: number];

const shown: Readonly<Record<string, (read: Read) => boolean>> = {
  retry: (read) => compare(read('Success'), (plain, kyoa) => plain < 90 && kyoa > plain),
  hedge: (read) => compare(read('Requests per call'), (plain, kyoa) => plain === 1 && kyoa > 1),
  chaos: (read) => compare(read('Success'), (plain, kyoa) => plain === 100 && kyoa < 95),
  auth: (read) => compare(read('Renewals'), (plain, kyoa) => plain > 3 * kyoa && kyoa > 0),
  shed: (read) => compare(read('Longest wait'), (plain, kyoa) => plain > 3_000 && kyoa < plain / 2),
  sign: (read) => compare(read('Success'), (plain, kyoa) => plain < 95 && kyoa > plain),
  breaker: (read) => compare(read('Requests per call'), (plain, kyoa) => plain > 0.9 && kyoa < 0.85),
  deadline: (read) => compare(read('Requests of the server'), (plain, kyoa) => plain > 20 && kyoa < 0.9 * plain),
  dedupe: (read) => compare(read('Requests per call'), (plain, kyoa) => plain > 0.9 && kyoa < 0.8),
  endpoints: (read) => compare(read('Success'), (plain, kyoa) => plain < 90 && kyoa > 95),
  fallback: (read) => compare(read('Failures'), (plain, kyoa) => plain > 5 && kyoa === 0),
  idempotency: (read) => compare(read('Executed more than once'), (plain, kyoa) => plain > 1 && kyoa === 0),
  latest: (read) => compare(read('Old results over newer ones'), (plain, kyoa) => plain > 1 && kyoa === 0),
  limit: (read) =>
    compare(read('Success'), (plain, kyoa) => plain < 60 && kyoa === 100) &&
    compare(read('Most at once'), (plain, kyoa) => plain === 10 && kyoa === 4),
  'max-body': (read) => compare(read('Read by the callers'), (plain, kyoa) => plain > 3 && kyoa < plain / 4),
  race: (read) => compare(read('Requests per call'), (plain, kyoa) => plain < 1.5 && kyoa > 2),
  resume: (read) => compare(read('Success'), (plain, kyoa) => plain < 90 && kyoa > 97),
  'stale-if-error': (read) => compare(read('Substitutes'), (plain, kyoa) => plain === 0 && kyoa > 5),
  timeout: (read) => compare(read('Longest wait'), (plain, kyoa) => plain > 2_000 && kyoa < 1_500),
};

const written: Readonly<Record<string, RegExp>> = {
  log: /"level":"warn".*"attempts":2/,
  metrics: /retries: [1-9]/,
  observe: /retry\.scheduled +retry 1, delay \d+ ms, status 503/,
  trace: /traceparent: 00-(\w+)-\w+-01\n(.*\n)*.*traceparent: 00-\1-/,
};

describe('the exhibits of <kyoa-live>', () => {
  test('exist for every policy that has a page', () => {
    const pages = readdirSync(join(root, 'docs/policies')).map((name) => name.replace('.md', ''));
    expect(Object.keys(exhibits).toSorted()).toEqual([...pages, 'idempotency'].toSorted());
    expect([...Object.keys(shown), ...Object.keys(written)].toSorted()).toEqual(Object.keys(exhibits).toSorted());
  });

  test.concurrent.for(Object.keys(exhibits))('%s shows what the policy is for', { timeout: 30_000 }, async (policy) => {
    const exhibit = exhibits[policy]!();
    const lines: string[] = [];
    const simulation = openSimulation(exhibit, (line) => lines.push(line));
    const read: Read = (title) => {
      for (const lane of simulation.lanes) lane.refresh();
      const { read } = exhibit.figures.find((figure) => figure.title === title)!;
      const [plain = Number.NaN, kyoa = Number.NaN] = simulation.lanes.map((lane) => numberIn(read(lane)));
      return [plain, kyoa];
    };
    simulation.start();
    try {
      await expect
        .poll(() => shown[policy]?.(read) ?? written[policy]!.test(exhibit.with.text?.() ?? lines.join('\n')), {
          timeout: 20_000,
        })
        .toBe(true);
    } finally {
      simulation.close();
    }
  });

  test.for(Object.keys(exhibits))('%s has a slider at each end, and a link that can be read', (policy) => {
    const exhibit = exhibits[policy]!();
    const simulation = openSimulation(exhibit, () => {});
    for (const end of ['min', 'max', 'initial'] as const) {
      for (const knob of exhibit.knobs) simulation.set(knob, knob[end]);
      const { configuration, complaints } = readLink(simulation.link());
      expect(complaints).toEqual([]);
      expect(configuration.stack.length).toBe(exhibit.with.stack?.length ?? 0);
    }
    simulation.close();
  });
});

function compare([plain, kyoa]: ReturnType<Read>, holds: (plain: number, kyoa: number) => boolean): boolean {
  return holds(plain, kyoa);
}

function numberIn(text: string): number {
  return Number.parseFloat(text) * (/\d s$/.test(text) ? 1_000 : 1);
}
