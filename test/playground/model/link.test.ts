import { describe, expect, test } from 'vitest';
import { usual } from '../../../playground/model/configuration.ts';
import { readLink, writeLink } from '../../../playground/model/link.ts';
import { scenarios } from '../../../playground/model/scenarios.ts';
import { presets } from '../../../playground/network/presets.ts';
import { change } from '../../../playground/network/settings.ts';
import type { Configuration, PolicyEntry } from '../../../playground/model/types.ts';

describe('a link', () => {
  test.each([
    usual,
    { ...usual, preset: 'brown-out', settings: presets['brown-out']!.settings },
    { ...usual, settings: change(usual.settings, { seed: 7, errors: { statuses: [500, 502] }, outage: true }) },
    ...scenarios.flatMap(({ steps }) => steps.map((step) => ({ ...usual, stack: step.configuration.stack }))),
    { ...usual, stack: [layer({ policy: 'fallback', options: { note: "a,b~c:(d)+e&f=g#'%" } })] },
    { ...usual, stack: [] },
  ])('brings back the configuration that it was made of (%#)', (configuration: Configuration) => {
    const link = readLink(writeLink(configuration));
    expect(link.complaints).toEqual([]);
    expect(link.hasSettings).toBe(true);
    expect(nameless(link.configuration)).toEqual(nameless(configuration));
  });

  test('is short and can be read', () => {
    expect(writeLink({ ...usual, stack: usual.stack.slice(0, 3) })).toBe(
      '#v=1&net=flaky&rate=40&use=timeout(total:5000)~dedupe()~idempotency(storage:indexeddb)',
    );
  });

  test('gives layers of one kind ids of their own', () => {
    const { configuration } = readLink('#v=1&use=timeout(total:1000)~timeout(idle:50)');
    expect(configuration.stack.map(({ id }) => id)).toEqual(['timeout-1', 'timeout-2']);
  });

  test.each([
    ['#v=1&net=sunny', /no preset called 'sunny'/],
    ['#v=1&resets=2', /resets must be a number from 0 to 1, not 2/],
    ['#v=1&colour=red', /no setting called 'colour'/],
    ['#v=1&__proto__=1', /no setting called '__proto__'/],
    ['#v=1&rate=1e9', /rate must be a number from 1 to 200, not '1e9'/],
    ['#v=1&use=retry(', /'retry\(' is not a layer/],
    ['#v=1&use=retry(retries:many)', /'retries:many' is not an option of retry/],
    ['#v=1&use=retry(colour:red)', /'colour:red' is not an option of retry/],
    ['#v=2&rate=3', /another version/],
    ['#%E0%A4%A', /another version/],
    ['#storm/9', /no step 'storm\/9'/],
    ['#nowhere/1', /no step 'nowhere\/1'/],
  ])('complains about %s and keeps the rest as usual', (hash, complaint) => {
    const { complaints, configuration } = readLink(hash);
    expect(complaints).toEqual([expect.stringMatching(complaint)]);
    expect(configuration.settings).toEqual(usual.settings);
    expect(configuration.rate).toBe(usual.rate);
  });

  test('opens a step of a scenario, also with changes of the visitor', () => {
    expect(readLink('#storm/2')).toMatchObject({ place: { scenario: 'storm', step: 2 }, complaints: [] });
    const changed = readLink('#adaptive/1&v=1&net=flaky&rate=7&use=retry()');
    expect(changed.configuration).toMatchObject({ preset: 'flaky', rate: 7 });
    expect(changed.configuration.rivals).toHaveLength(2);
  });

  test('that is empty says nothing of the weather', () => {
    expect(readLink('')).toEqual({ configuration: usual, place: undefined, hasSettings: false, complaints: [] });
  });
});

function layer(given: Pick<PolicyEntry, 'policy' | 'options'>): PolicyEntry {
  return { id: 'one', on: true, ...given };
}

function nameless({ stack, ...configuration }: Configuration): unknown {
  return { ...configuration, stack: stack.map(({ id: _, ...entry }) => entry) };
}
