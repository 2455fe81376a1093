/** A good and a bad day of each policy. */
import type { Lane, Span, Story } from './timeline.ts';

const lane = (name: string, ...spans: Span[]): Lane => ({ name, spans });
const good = (from: number, to: number, text = '200'): Span => ({ from, to, end: 'good', text });
const bad = (from: number, to: number, text = '503'): Span => ({ from, to, end: 'bad', text });
const aborted = (from: number, to: number, text = 'aborted'): Span => ({ from, to, end: 'aborted', text });
const waiting = (from: number, to: number): Span => ({ from, to, doing: 'waiting' });
const refusing = (from: number, to: number): Span => ({ from, to, doing: 'refusing' });

export const stories: Readonly<Record<string, Story>> = {
  timeout: {
    title:
      'timeout: on a good day nothing happens; on a bad day the limit ends an attempt that hangs, and the next answers',
    days: [
      {
        name: 'A good day',
        lanes: [lane('call', good(0, 24)), lane('attempt 1', good(0, 24))],
        marks: [{ at: 60, text: 'headers' }],
      },
      {
        name: 'A bad day',
        lanes: [
          lane('call', good(0, 88)),
          lane('attempt 1', aborted(0, 60, 'TimeoutError')),
          lane('attempt 2', good(66, 88)),
        ],
        marks: [
          { at: 60, text: 'headers' },
          { at: 100, text: 'total' },
        ],
      },
    ],
  },
  retry: {
    title: 'retry: on a good day a 503 is followed by a pause and an answer; in an outage the budget ends the retrying',
    days: [
      {
        name: 'A good day',
        lanes: [
          lane('call', good(0, 62)),
          lane('attempt 1', bad(0, 16), waiting(27, 40)),
          lane('attempt 2', good(40, 62)),
        ],
      },
      {
        name: 'An outage',
        lanes: [
          lane('call 1', bad(0, 62)),
          lane('its attempts', bad(0, 14, ''), waiting(16, 30), bad(30, 44, ''), waiting(46, 54), bad(54, 62, '')),
          lane('call 2', bad(30, 46)),
          lane('its attempt', bad(30, 46, 'budget spent')),
        ],
      },
    ],
  },
  hedge: {
    title:
      'hedge: on a good day nothing is sent twice; a slow answer is overtaken by its copy, and the loser is aborted',
    days: [
      {
        name: 'A good day',
        lanes: [lane('original', good(0, 20))],
        marks: [{ at: 36, text: 'delay, learnt' }],
      },
      {
        name: 'A slow answer',
        lanes: [lane('call', good(0, 58)), lane('original', aborted(0, 58)), lane('copy', good(36, 58))],
        marks: [{ at: 36, text: 'delay, learnt' }],
      },
      {
        name: 'All are slow',
        lanes: [lane('original', good(0, 92)), lane('copy', bad(36, 36, 'suppressed: budget spent'))],
        marks: [{ at: 36, text: 'delay, learnt' }],
      },
    ],
  },
  race: {
    title: 'race: the quicker of two endpoints answers and the other is aborted; when one fails, the other does',
    days: [
      { name: 'A good day', lanes: [lane('eu', good(0, 30)), lane('us', aborted(0, 30))] },
      { name: 'A bad day', lanes: [lane('eu', bad(0, 18)), lane('us', good(0, 54))] },
    ],
  },
  latest: {
    title: 'latest: one call is answered; of three calls in a row two are replaced and the third is answered',
    days: [
      { name: 'A slow typist', lanes: [lane('k', good(0, 30)), lane('ky', good(50, 80))] },
      {
        name: 'A quick one',
        lanes: [
          lane('k', aborted(0, 18, 'AbortError')),
          lane('ky', aborted(18, 38, 'AbortError')),
          lane('kyo', good(38, 72)),
        ],
      },
    ],
  },
  dedupe: {
    title:
      'dedupe: three callers share one request; the one who began it leaves, and the others still get their answer',
    days: [
      {
        name: 'A good day',
        lanes: [
          lane('request', good(0, 54)),
          lane('caller 1', good(0, 54)),
          lane('caller 2', good(14, 54)),
          lane('caller 3', good(32, 54)),
        ],
      },
      {
        name: 'A bad day',
        lanes: [
          lane('request', good(0, 54)),
          lane('caller 1', aborted(0, 24, 'leaves')),
          lane('caller 2', good(14, 54)),
        ],
      },
    ],
  },
  idempotency: {
    title:
      'idempotency: a repeat replays the stored answer; when a holder dies, its lease runs out and one successor takes over',
    days: [
      {
        name: 'A good day',
        lanes: [
          lane('tab A', good(0, 30, '201')),
          lane('tab B', waiting(12, 30), good(30, 31, '201, replayed')),
          lane('server', good(4, 28, 'one order')),
        ],
      },
      {
        name: 'A crash',
        lanes: [
          lane('tab A', aborted(0, 20, 'closed')),
          lane('tab B', waiting(12, 56), good(56, 80, '201')),
          lane('server', good(4, 26, 'one order'), good(60, 76, 'knows the key')),
        ],
        marks: [{ at: 56, text: 'lease is over' }],
      },
    ],
  },
  breaker: {
    title:
      'breaker: a few failures change nothing; in an outage it opens, refuses calls at once, and a probe closes it',
    days: [
      {
        name: 'A good day',
        lanes: [lane('calls', good(0, 10, ''), good(16, 26, ''), bad(32, 42, ''), good(48, 58, ''), good(64, 74, ''))],
      },
      {
        name: 'An outage',
        lanes: [
          lane(
            'calls',
            bad(0, 10, ''),
            bad(12, 22, ''),
            bad(24, 34, ''),
            bad(44, 44, ''),
            bad(56, 56, ''),
            good(70, 80, ''),
            good(86, 96, ''),
          ),
          lane('circuit', refusing(34, 70)),
        ],
        marks: [
          { at: 34, text: 'opened' },
          { at: 70, text: 'probed' },
          { at: 80, text: 'closed' },
        ],
      },
    ],
  },
  limit: {
    title: 'limit: two run and the third waits for a place; a full queue refuses the fourth at once',
    days: [
      {
        name: 'A good day',
        lanes: [
          lane('call 1', good(0, 40)),
          lane('call 2', good(6, 50)),
          lane('call 3', waiting(14, 40), good(40, 76)),
        ],
        marks: [{ at: 40, text: 'a place is free' }],
      },
      {
        name: 'A bad day',
        lanes: [
          lane('call 1', good(0, 84)),
          lane('call 2', good(6, 90)),
          lane('call 3', waiting(14, 84)),
          lane('call 4', bad(22, 22, 'LimitError: the queue is full')),
        ],
      },
    ],
  },
  fallback: {
    title: 'fallback: on a good day nothing happens; after the last attempt has failed the caller gets the substitute',
    days: [
      { name: 'A good day', lanes: [lane('call', good(0, 30)), lane('attempt 1', good(0, 30))] },
      {
        name: 'A bad day',
        lanes: [
          lane('call', good(0, 66, '{ users: [] }')),
          lane('attempt 1', bad(0, 18)),
          lane('attempt 2', bad(46, 64)),
        ],
      },
    ],
  },
  'stale-if-error': {
    title: 'staleIfError: the first answer is kept; later the server fails, and the kept answer is served',
    days: [
      {
        name: 'A good day',
        lanes: [
          lane('call', good(0, 30)),
          lane('server', good(2, 28)),
          lane('storage', { from: 30, to: 36, text: 'kept' }),
        ],
      },
      {
        name: 'A bad day',
        lanes: [
          lane('call', good(0, 42, '200, Age: 3600')),
          lane('server', bad(2, 26)),
          lane('storage', { from: 28, to: 40, text: 'taken' }),
        ],
      },
    ],
  },
  endpoints: {
    title: 'endpoints: calls go to both by weight; one fails five times in a row, is ejected, and comes back',
    days: [
      {
        name: 'A good day',
        lanes: [
          lane('blue', good(0, 12, ''), good(16, 28, ''), good(48, 60, ''), good(64, 76, '')),
          lane('green', good(32, 44, '')),
        ],
      },
      {
        name: 'A bad day',
        lanes: [
          lane(
            'blue',
            bad(0, 5, ''),
            bad(9, 14, ''),
            bad(18, 23, ''),
            bad(27, 32, ''),
            bad(36, 41, ''),
            refusing(41, 80),
            good(82, 90, ''),
          ),
          lane(
            'green',
            good(5, 12, ''),
            good(14, 21, ''),
            good(23, 30, ''),
            good(44, 52, ''),
            good(56, 64, ''),
            good(68, 76, ''),
          ),
        ],
        marks: [
          { at: 41, text: 'ejected' },
          { at: 80, text: 'returned' },
        ],
      },
    ],
  },
  observe: {
    title: 'observe: outermost it hears one call, inside retry it hears each attempt as a call',
    days: [
      {
        name: 'Outermost',
        lanes: [
          lane('request', { from: 0, to: 66, end: 'good', text: 'settled' }),
          lane('attempts', bad(2, 18, ''), good(44, 64, '')),
        ],
      },
      {
        name: 'Inside retry',
        lanes: [
          lane('request', bad(2, 18, 'settled'), { from: 44, to: 64, end: 'good', text: 'settled' }),
          lane('attempts', bad(2, 18, ''), good(44, 64, '')),
        ],
      },
    ],
  },
};
