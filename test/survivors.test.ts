/**
 * What dies young is collected young. One object that got old and is dead keeps all that it leads to alive until a full
 * collection: a former table of a Map with its link to the next one, a function that was assigned to a property. Then
 * every call is copied twice, and the collector costs more than the policies.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { root } from './support/lanes.ts';
import { origin, type Origin } from './support/origin.ts';

let server: Origin;
beforeAll(async () => {
  server = await origin(({ answer }) => void answer.end('{"ok":true}'));
});
afterAll(() => server[Symbol.asyncDispose]());

describe('a call leaves next to nothing in the old space', () => {
  test.each([
    ['standard', 1_000],
    ['undici', 1_000],
    ['client', 5_000], // 3,000 of them ky's
  ])('of %s()', async (how, most) => {
    const child = fork(join(root, 'test/support/survivors.ts'), [how, server.url], {
      execArgv: ['--expose-gc', '--min-semi-space-size=8', '--max-semi-space-size=8'],
    });
    const [bytes] = (await once(child, 'message')) as [number];
    expect(bytes).toBeLessThan(most);
  });
});
