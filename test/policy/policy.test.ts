import { policy, PolicyError, type PolicyEvent, type PolicySource } from 'kyoa/policy';
import { describe, expect, test, vi } from 'vitest';

import type { LivePolicy } from '../../src/policy.ts';
import { settled } from '../support/origin.ts';
import { manualSource, retries, watched } from '../support/policy-source.ts';

describe('policy()', () => {
  describe('with documents of the program', () => {
    test('has the stack that they describe, and by default the standard one', () => {
      expect(policy({ use: ['trace', { retry: 2 }] }).current.map(({ name }) => name)).toEqual(['trace', 'retry']);
      const standard = ['timeout', 'dedupe', 'resume', 'idempotency', 'retry', 'breaker', 'timeout'];
      expect(policy({}).current.map(({ name }) => name)).toEqual(standard);
      expect(policy([]).current.map(({ name }) => name)).toEqual(standard);
      expect(policy({ use: [] }).current).toEqual([]);
    });

    test('never lets calls wait', () => {
      expect(policy({}).pending).toBeUndefined();
    });

    test('takes a change, and refuses a wrong one as a whole', () => {
      const { live, stack, events } = watched({ version: 1, use: [{ retry: 1 }] });
      live.update({ version: 2, use: [{ retry: 2 }] });
      const before = live.current;
      expect(() => live.update({ version: 3, use: [{ retry: 3 }, { hedge: { ratio: 2 } }] })).toThrow(
        'The policy document is refused. use[1].hedge.ratio must be a number from 0 to 1, got 2',
      );
      expect([stack(), live.snapshot().version, live.snapshot().changes]).toEqual(['retry:2', 2, 1]);
      expect(live.current).toBe(before);
      expect(events).toEqual([{ type: 'policy.changed', source: 'the program', version: 2 }]);
    });

    test.for<[string, unknown, string]>([
      ['undefined', undefined, 'it is no object'],
      ['null', null, 'it is no object'],
      ['a text', '{}', 'it is no object'],
      ['a number', 5, 'it is no object'],
      ['a function', () => ({}), 'it is a function of the program, which no document can hold'],
      ['a Map', new Map(), 'it is a Map, which no document can hold'],
      ['a list in a list', [[{}]], 'it is no object'],
      ['NaN', { use: [{ retry: { retries: NaN } }] }, 'use[0].retry.retries must be a number, got NaN'],
      [
        'a function for an option',
        { use: [{ retry: { when: () => true } }] },
        'use[0].retry.when is a function of the program',
      ],
      ['a middleware', { use: [async () => new Response()] }, 'use[0] is a function of the program'],
      ['a symbol', { version: Symbol('1') }, 'version is a symbol'],
      ['a bigint', { version: 1n }, 'version is a bigint'],
      [
        '__proto__',
        JSON.parse('{ "use": [{ "retry": { "__proto__": { "retries": 9 } } }] }'),
        'use[0].retry.__proto__ is no name',
      ],
    ])('refuses %s with a PolicyError', ([, document, expected]) => {
      expect(() => policy(document as never)).toThrow(PolicyError);
      expect(() => policy(document as never)).toThrow(expected);
      expect(() => policy({}).update(document as never)).toThrow(PolicyError);
    });

    test('refuses a document that contains itself', () => {
      const document: Record<string, unknown> = {};
      document['environments'] = { test: document };
      expect(() => policy(document)).toThrow('is nested more than 50 levels deep, or contains itself');
    });

    test('takes numbers without end, and options that a function of kyoa made', async () => {
      const { exponential, adaptive, byOrigin } = await import('kyoa');
      const live = policy({
        use: [
          { timeout: { total: Infinity, headers: adaptive({ max: 900 }) as never } },
          { retry: { retries: Infinity, backoff: exponential(1, 2) as never } },
          { breaker: { key: byOrigin as never } },
        ],
      });
      expect(live.snapshot().use.map(({ options }) => options)).toEqual([
        { total: 'Infinity', headers: { adaptive: { max: 900 } } },
        { retries: 'Infinity', backoff: { exponential: [1, 2] } },
        { key: 'byOrigin' },
      ]);
    });

    test('has a problem of the program without an internal member', () => {
      const error = problemsOf(() => policy({ use: [{ retry: -1 }] }));
      expect(error).toEqual([{ path: 'use[0].retry.retries', message: 'must be a whole number of 0 or more, got -1' }]);
      const live = policy({});
      expect(problemsOf(() => live.update({ use: 5 } as never))).toEqual([
        { path: 'use', message: 'must be a list of policies, such as [{ "retry": { "retries": 2 } }], got 5' },
      ]);
    });

    test('has a snapshot that is a copy', () => {
      const live = policy({ use: [{ retry: { statuses: [503] } }], routes: { '*': { retry: { statuses: [500] } } } });
      (live.snapshot().use[0]!.options['statuses'] as number[]).push(1);
      Object.assign(live.snapshot().routes[0]!.options, { retry: false });
      expect(live.snapshot()).toMatchObject({
        use: [{ options: { statuses: [503] } }],
        routes: [{ options: { retry: { statuses: [500] } } }],
      });
    });
  });

  test.for<[string, unknown, string]>([
    ['an option that it does not have', { source: 1 }, 'policy has no option source'],
    ['null', null, 'policy must be an object'],
    ['a wait below 0', { wait: -1 }, 'policy wait must be'],
    ['a wait that is a text', { wait: '5s' }, 'policy wait must be'],
    ['a staleAfter of 0', { staleAfter: 0 }, 'policy staleAfter must be'],
    ['a listener that is no function', { listener: {} }, 'policy listener must be a function'],
    ['an env that is an object', { env: { A: '1' } }, 'policy env must be a function'],
    ['an environment that is a number', { environment: 1 }, 'policy environment must be a name'],
    ['a storage that is none', { storage: {} }, 'policy storage must be a storage'],
    ['a wrong initial document', { initial: { use: {} } }, 'use must be a list'],
    ['middleware in a list', { middleware: [] }, 'policy middleware must be an object'],
    ['a middleware that is none', { middleware: { tenant: {} } }, 'policy middleware tenant must be a function'],
    [
      'a middleware named as a policy',
      { middleware: { retry: () => {} } },
      'policy middleware retry has the name of a policy',
    ],
    ['a middleware named standard', { middleware: { standard: () => {} } }, 'policy middleware standard has the name'],
    [
      'a middleware named as a policy of an adapter',
      { middleware: { prometheus: () => {} } },
      'has the name of a policy',
    ],
  ])('refuses %s', ([, options, expected]) => {
    expect(() => policy({}, options as never)).toThrow(expected);
  });

  test('refuses two sources with one name, a source without one, and a document after a source', () => {
    expect(() => policy([manualSource('a'), manualSource('a')])).toThrow('policy has two sources named a: rename one');
    expect(() => policy(manualSource(''))).toThrow('policy source name must be a text');
    expect(() => policy([manualSource(), {}])).toThrow('policy has a document after a source: documents come first');
  });

  describe('with a source', () => {
    test('follows its documents, and names the version of the document and of the source', () => {
      const source = manualSource();
      const { live, stack, events } = watched(source);
      expect(stack()).toMatch(/^timeout: dedupe/);
      source.document(retries(2, 7), 'etag-1');
      expect(stack()).toBe('retry:2');
      expect(live.snapshot()).toMatchObject({
        version: 7,
        changes: 1,
        sources: [{ name: 'config', state: 'good', version: 'etag-1', since: expect.any(Number) as number }],
        use: [{ source: 'config' }],
      });
      expect(events).toEqual([{ type: 'policy.changed', source: 'config', version: 7 }]);
    });

    test('takes a text that did not change for no change, but for a new version of the source', () => {
      const source = manualSource();
      const { live, events } = watched(source);
      source.document(retries(2), '1');
      const { current } = live;
      source.document(retries(2), '2');
      expect(live.current).toBe(current);
      expect(events).toHaveLength(1);
      expect(live.snapshot()).toMatchObject({ changes: 1, sources: [{ version: '2' }] });
    });

    test.for<[string, string, string]>([
      ['half written', '{ "use": [\n{ "retry":', 'line 2, use[0].retry is no JSON: the text ends too early'],
      ['empty', '', 'line 1, it is empty'],
      ['with a byte order mark', '\uFEFF{}', 'line 1, it begins with a byte order mark'],
      ['with a member twice', '{ "use": [],\n"use": [] }', 'line 2, use is there twice'],
      ['of 10 MB', `{ "version": "${'x'.repeat(10_000_000)}" }`, 'at most 1000000 are read'],
      ['with __proto__', '{ "__proto__": { "use": [] } }', 'line 1, __proto__ is no name that a member may have'],
      ['with constructor', '{\n"constructor": {} }', 'line 2, constructor is no member of a document'],
      ['nested deep', '[\n'.repeat(400_000), 'it is nested more than 50 levels deep'],
      [
        'with a wrong option',
        '{ "use": [\n{ "retry":\n{ "retries": "2" } }] }',
        'line 3, use[0].retry.retries must be a whole number of 0 or more, got "2"',
      ],
      [
        'with a status as a text',
        '{ "use": [\n{ "retry": { "statuses": ["503"] } }] }',
        'line 2, use[0].retry.statuses must be a list of numbers, such as [408,429], got ["503"]',
      ],
      [
        'with a key that is no function',
        '{ "use": [{ "breaker": { "key": "constructor" } }] }',
        'use[0].breaker.key must be "byOrigin"',
      ],
    ])('refuses a document %s, at the start and later, and names line and path', ([, text, expected]) => {
      for (const first of [undefined, retries(2)]) {
        const source = manualSource();
        const { live, stack, events } = watched(source);
        if (first !== undefined) source.document(first);
        const before = stack();
        source.document(text, 'bad');
        expect(stack()).toBe(before);
        const [refused] = events.filter(({ type }) => type === 'policy.refused');
        const { problems } = refused as PolicyEvent & { type: 'policy.refused' };
        expect(new PolicyError(problems).message).toContain(expected);
        expect(live.snapshot().sources[0]!.refused).toEqual({ at: expect.any(Number) as number, problems });
        source.document(retries(3));
        expect(stack()).toBe('retry:3');
        expect(live.snapshot().sources[0]).not.toHaveProperty('refused');
      }
      expect({}).not.toHaveProperty('use');
    });

    test('reports a refused document once, and by default on the console', () => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
      const source = manualSource('file policy.json');
      const live = policy(source, { wait: 0 });
      source.document('{');
      source.document('{');
      expect(warn.mock.calls).toEqual([
        [
          'kyoa: The document of file policy.json is refused. line 1, it is no JSON: the text ends too early, a } or ] is missing',
        ],
      ]);
      warn.mockRestore();
      live.close();
    });

    test('goes back to the document below it when it has none any more', () => {
      const source = manualSource();
      const { live, stack, types } = watched([{ version: 1, use: [{ retry: 1 }] }, source]);
      source.document(retries(2, 2), 'v');
      expect(stack()).toBe('retry:2');
      source.absent();
      expect(stack()).toBe('retry:1');
      expect(live.snapshot()).toMatchObject({ version: 1, sources: [{ name: 'config', state: 'absent' }] });
      expect(live.snapshot().sources[0]).not.toHaveProperty('version');
      source.absent();
      expect(types()).toEqual(['policy.changed', 'policy.changed']);
      source.document(retries(2, 2), 'v');
      expect(stack()).toBe('retry:2');
    });

    test('keeps its document while it fails, says so, and is stale after a time', () => {
      vi.useFakeTimers();
      const source = manualSource();
      const { live, stack, events } = watched(source, { staleAfter: 60_000 });
      source.document(retries(2));
      const error = new Error('GET http://user:hunter2@consul:8500/?token=hunter2 failed');
      source.failed(error);
      expect(stack()).toBe('retry:2');
      expect(live.snapshot().sources[0]).toMatchObject({ state: 'failing' });
      expect(JSON.stringify(live.snapshot())).not.toContain('hunter2');
      vi.advanceTimersByTime(60_000);
      source.failed('again');
      source.failed('again');
      expect(live.snapshot().sources[0]).toMatchObject({ state: 'stale', error: 'again' });
      expect(events.slice(1)).toEqual([
        { type: 'policy.failed', source: 'config', error },
        { type: 'policy.failed', source: 'config', error: 'again' },
        { type: 'policy.stale', source: 'config', age: 60_000 },
        { type: 'policy.failed', source: 'config', error: 'again' },
      ]);
      source.document(retries(2));
      expect(live.snapshot().sources[0]).toMatchObject({ state: 'good' });
      expect(live.snapshot().sources[0]).not.toHaveProperty('error');
      vi.useRealTimers();
    });

    test.for<[string, PolicySource['watch']]>([
      [
        'throws',
        () => {
          throw new Error('no disk');
        },
      ],
      [
        'is async and rejects',
        async () => {
          throw new Error('no disk');
        },
      ],
    ])('reports a source whose watch %s', async ([, watch]) => {
      const { events } = watched({ name: 'own', watch });
      await settled();
      expect(events).toEqual([{ type: 'policy.failed', source: 'own', error: new Error('no disk') }]);
    });

    test('takes a document that comes inside watch()', () => {
      const { stack, live } = watched(
        manualSource('config', (sink) => sink.document(retries(4))),
        { wait: 5_000 },
      );
      expect(stack()).toBe('retry:4');
      expect(live.pending).toBeUndefined();
    });

    test('takes nothing after close(), which may be called twice', () => {
      const source = manualSource();
      const { live, stack, events } = watched(source);
      source.document(retries(2));
      live.close();
      live.close();
      expect(source.signal.aborted).toBe(true);
      source.document(retries(3));
      source.absent();
      source.failed(new Error('late'));
      expect(stack()).toBe('retry:2');
      expect(events).toHaveLength(1);
      live.update({ use: ['trace'] });
      expect(stack()).toBe('retry:2 trace:');
    });

    test('is closed at the end of a block with using', () => {
      const source = manualSource();
      {
        using live = policy(source, { wait: 0 });
        expect(live.current).toHaveLength(7);
      }
      expect(source.signal.aborted).toBe(true);
    });

    test.each([
      ['throws', (error: Error): void => raise(error)],
      ['rejects', async (error: Error): Promise<void> => raise(error)],
    ])('goes on when a listener %s', async (_, fail) => {
      const error = vi.spyOn(console, 'error').mockImplementation(() => {});
      const source = manualSource();
      const failure = new Error('listener');
      const { live } = watched(source, { listener: () => fail(failure) });
      source.document(retries(2));
      source.document('{');
      expect(live.snapshot().use).toMatchObject([{ options: { retries: 2 } }]);
      await vi.waitFor(() => expect(error.mock.calls).toEqual([['kyoa: listener of policy() threw', failure]]));
      error.mockRestore();
    });

    test('takes an update from a listener', () => {
      const source = manualSource();
      const live: LivePolicy = policy([{}, source], {
        wait: 0,
        listener: ({ source: name }) => {
          if (name === 'config') live.update({ use: ['trace', 'metrics'] });
        },
      });
      source.document('{ "use": [{ "metrics": false }] }');
      expect(live.current.map(({ name }) => name)).toEqual(['trace']);
      expect(live.snapshot().changes).toBe(2);
    });
  });

  describe('with several sources', () => {
    test('lets the later one win for each member, and says which came from where', () => {
      const [file, centre] = [manualSource('file'), manualSource('centre')];
      const { live } = watched([{ use: [{ retry: { maxRetryAfter: 1 } }, 'trace'] }, file, centre]);
      centre.document('{ "version": 9, "use": [{ "retry": 1 }], "routes": { "/a": { "retry": 4 } } }');
      file.document(
        '{ "version": 8, "use": [{ "retry": { "retries": 2, "statuses": [503] } }], "routes": { "/b": { "retry": 5 } } }',
      );
      const { version, use, routes } = live.snapshot();
      expect({ version, use, routes }).toEqual({
        version: 9,
        use: [
          { name: 'retry', options: { maxRetryAfter: 1, statuses: [503], retries: 1 }, source: 'centre' },
          { name: 'trace', options: {}, source: 'the program' },
        ],
        routes: [
          { pattern: '/b', options: { retry: 5 }, source: 'file' },
          { pattern: '/a', options: { retry: 4 }, source: 'centre' },
        ],
      });
    });

    const base = '{ "use": ["retry", "hedge"] }';
    test('takes a document that needs another one, whichever comes first', () => {
      const [one, two] = [manualSource('one'), manualSource('two')];
      const { live, types } = watched([{ use: ['retry'] }, one, two]);
      two.document('{ "routes": { "/a": { "hedge": 0.1 } } }');
      expect(live.snapshot().sources[1]!.refused?.problems).toEqual([
        {
          path: 'routes["/a"].hedge',
          line: 1,
          message: 'is not in "use", so that it has no effect: add { "hedge": {} } there',
        },
      ]);
      one.document(base);
      expect(live.snapshot().routes).toEqual([{ pattern: '/a', options: { hedge: 0.1 }, source: 'two' }]);
      expect(live.snapshot().sources[1]).not.toHaveProperty('refused');
      expect(types()).toEqual(['policy.refused', 'policy.changed', 'policy.changed']);
    });

    test('reports nothing as refused while a document that it needs may still come', async () => {
      const [one, two] = [manualSource('one'), manualSource('two')];
      const { live, types } = watched([one, two], { wait: 60_000 });
      two.document('{ "routes": { "/a": { "hedge": 0.1 } } }');
      one.document(base);
      expect(types()).toEqual(['policy.changed', 'policy.changed']);
      await live.pending;

      const [three, four] = [manualSource('three'), manualSource('four')];
      const other = watched([three, four], { wait: 60_000 });
      four.document('{ "routes": { "/a": { "hedge": 0.1 } } }');
      three.absent();
      expect(other.types()).toEqual(['policy.refused']);
    });

    test('names the document of a problem that a change of another one makes', () => {
      const [one, two] = [manualSource('one'), manualSource('two')];
      const { live, stack } = watched([one, two]);
      one.document(base);
      two.document('{ "routes": { "/a": { "hedge": 0.1 } } }');
      one.document('{ "use": ["trace"] }');
      expect(stack()).toBe('retry: hedge:');
      expect(live.snapshot().sources[0]!.refused?.problems).toEqual([
        {
          path: 'routes["/a"].hedge',
          message: 'is not in "use", so that it has no effect: add { "hedge": {} } there (in the document of two)',
        },
      ]);
      one.absent();
      expect(stack()).toBe('retry: hedge:');
      expect(() => live.update({ use: [{ retry: -1 }] })).toThrow('use[0].retry.retries must be a whole number');
      two.absent();
      expect(live.current).toHaveLength(7);
    });
  });
});

function problemsOf(run: () => unknown): unknown {
  try {
    run();
    return 'nothing was thrown';
  } catch (error) {
    return (error as PolicyError).problems;
  }
}

function raise(error: Error): never {
  throw error;
}
