/** A policy source under watch: what it has reported, one line a report. */
import { vi } from 'vitest';

import type { PolicySource } from '../../../src/policy/source.ts';
import { deferred } from '../promises.ts';

export interface Watched extends AsyncDisposable {
  /** `document 1: {}`, `absent`, `failed: ...`. */
  readonly said: readonly string[];
  readonly texts: readonly string[];
  readonly errors: readonly unknown[];
  /** Resolves to the last report as soon as the predicate holds for it, also for one of before. */
  until(predicate: (last: string, said: readonly string[]) => boolean): Promise<string>;
  /** Resolves to the next report. */
  next(): Promise<string>;
  stop(): void;
}

export function watched(source: PolicySource): Watched {
  const said: string[] = [];
  const texts: string[] = [];
  const errors: unknown[] = [];
  const waiting = new Set<() => void>();
  const controller = new AbortController();
  const say = (line: string): void => {
    said.push(line);
    for (const check of waiting) check();
  };
  source.watch(
    {
      document(text, version) {
        texts.push(text);
        say(`document${version === undefined ? '' : ` ${version}`}: ${text.slice(0, 200)}`);
      },
      absent: () => say('absent'),
      failed(error) {
        errors.push(error);
        say(`failed: ${(error as Error).message}`);
      },
    },
    controller.signal,
  );
  const until: Watched['until'] = (predicate) => {
    const { promise, resolve } = deferred<string>();
    const check = (): void => {
      const last = said.at(-1);
      if (last === undefined || !predicate(last, said)) return;
      waiting.delete(check);
      resolve(last);
    };
    waiting.add(check);
    check();
    return promise;
  };
  return {
    said,
    texts,
    errors,
    until,
    next() {
      const { length } = said;
      return until(() => said.length > length);
    },
    stop: () => controller.abort(new Error('the test is over')),
    async [Symbol.asyncDispose]() {
      controller.abort(new Error('the test is over'));
    },
  };
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Mock timers that end each pause of a source as soon as it begins. `next` resolves to the length of the next one. A timer of
 * `limit` ms is the limit of a request, and those of the platform's fetch are not the source's.
 */
export function pauses(limit: number): { readonly next: () => Promise<number> } {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const lengths: number[] = [];
  const start = globalThis.setTimeout;
  vi.stubGlobal('setTimeout', (run: () => void, ms: number, ...args: []) => {
    if (ms !== limit && !new Error().stack?.includes('node:internal/deps/undici')) lengths.push(ms);
    return start(run, ms, ...args);
  });
  return {
    async next() {
      while (lengths.length === 0) await turn();
      const length = lengths.shift()!;
      vi.advanceTimersByTime(length);
      return length;
    },
  };
}
