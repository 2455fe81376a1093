import type { KyoaEvent } from 'kyoa';
import { describe, expect, test } from 'vitest';
import { describeCall } from '../../../playground/model/story.ts';
import type { CallRecord } from '../../../playground/model/types.ts';

const url = 'https://api.example.com/eu';
const sent = { type: 'attempt.sent', attempt: 1, method: 'GET', url } as const;

function story(facts: readonly Readonly<Record<string, unknown>>[], ending: Partial<CallRecord> = {}): string {
  const events = [{ type: 'request.started', method: 'GET', url }, ...facts].map((fact) => {
    const event = { id: 'one', time: 0, ...fact } as unknown as KyoaEvent;
    return { time: 0, type: event.type, detail: '', event };
  });
  const call = { events, dropped: 0, outcome: 'answered', end: 1, label: '200', ...ending } as unknown as CallRecord;
  return describeCall(call).join('; ');
}

describe('the story of a call', () => {
  test('names each decision, and the end', () => {
    const facts = [
      sent,
      { type: 'attempt.answered', status: 503, duration: 41.2 },
      { type: 'retry.scheduled', retry: 1, delay: 143, status: 503 },
      sent,
      { type: 'attempt.answered', status: 200, duration: 20 },
      { type: 'request.settled', status: 200, attempts: 2, duration: 205 },
    ];
    expect(story(facts)).toBe('503 after 41 ms, retry 1 in 143 ms; 200 after 2 attempts in 205 ms');
  });

  test('names the reason why there was no retry, and the error', () => {
    const error = new TypeError('fetch failed');
    const facts = [
      { type: 'attempt.failed', error, duration: 3 },
      { type: 'retry.abandoned', reason: 'budget', error },
      { type: 'request.settled', error, attempts: 1, duration: 3 },
    ];
    expect(story(facts, { outcome: 'broken' })).toBe(
      'fetch failed after 3 ms, no further retry: the retry budget is empty; failed: fetch failed after 3 ms',
    );
  });

  test('names copies, endpoints, limits and substitutes', () => {
    const facts = [
      { type: 'endpoint.picked', url },
      { type: 'hedge.launched', copy: 2, delay: 60 },
      { type: 'hedge.won', copy: 2 },
      { type: 'timeout.exceeded', phase: 'headers', limit: 1_500, elapsed: 1_501 },
      { type: 'fallback.used', status: 503 },
    ];
    expect(story(facts)).toBe(
      'goes to https://api.example.com/eu; copy 2 sent after 60 ms; copy 2 won; no response headers within 1.5 s (headers); 503, so the substitute is returned',
    );
  });

  test('ends with the caller that left', () => {
    expect(story([sent], { outcome: 'late' })).toBe('the caller left after 5 s');
  });
});
