/** What an event means, in a few words for people. */
import { shortDuration } from '../core/engine/short-duration.ts';
import type { Fact, KyoaEvent } from '../core/events.ts';
import { awaited, isError, KyoaError, TimeoutError, type TimeoutFacts } from '../core/errors.ts';
import type { Redactor } from './redact.ts';
import { errorType } from './semantic-conventions.ts';

type Sentences = { readonly [Type in Fact['type']]?: (event: EventOf<Type>, say: Say) => string };

/** `Extract` does not find an event that shares its declaration with others. */
type EventOf<Type, Event = KyoaEvent> = Event extends { readonly type: infer Types }
  ? Type extends Types
    ? Event
    : never
  : never;

/** Words for what is inside an event. */
export interface Say {
  readonly url: Redactor['url'];
  readonly text: Redactor['text'];
  /** The status, or the code of the error. */
  readonly outcome: (outcome: { readonly status?: number; readonly error?: unknown }) => string;
}

export function wordsWith({ url, text }: Redactor): Say {
  const outcome: Say['outcome'] = ({ status, error }) => {
    if (status !== undefined) return String(status);
    if (error instanceof TimeoutError) return expired(error);
    const type = errorType(error);
    // A code says all of a network error. The messages of kyoa say more than their codes.
    return /^[A-Z][A-Z\d_]+$/.test(type) && !(error instanceof KyoaError) ? type : text(messageOf(error));
  };
  return { url, text, outcome };
}

function messageOf(error: unknown): string {
  try {
    if (!isError(error)) return String(error);
    // The lines count the attempts themselves.
    return error instanceof KyoaError ? error.message.replace(/ after \d+ attempts in \S+ \S+$/, '') : error.message;
  } catch {
    return 'an error that cannot be read';
  }
}

function expired({ phase, limit }: Pick<TimeoutFacts, 'phase' | 'limit'>, learned = false): string {
  return `no ${awaited[phase]} within ${shortDuration(limit)} (${phase}${learned ? ', learned limit' : ''})`;
}

const abandoned = {
  retries: 'all retries are used',
  budget: 'the retry budget is empty',
  deadline: 'the pause would reach the deadline',
  breaker: 'the circuit would refuse it',
  'retry-after': 'the server asks for a pause above maxRetryAfter',
  body: 'the body cannot be sent again',
};

const discontinued = {
  continuations: 'the last requests brought no new byte',
  budget: 'the retry budget is empty',
  deadline: 'the pause would reach the deadline',
  refused: 'a policy refused the request',
  changed: 'the server has another version',
  encoded: 'it is compressed, and its beginning is not kept',
  unsupported: 'it has no strong validator, and its beginning is not kept',
};

const suppressed = {
  body: 'the body cannot be sent again',
  budget: 'the budget of copies is empty',
  'retry-after': 'the server asks for a pause',
};

const faults = {
  refused: 'a connection that is refused',
  reset: 'a connection that is reset',
  hang: 'a server that does not respond',
};

const skipped = {
  middleware: 'a middleware inside may add an identity',
  option: 'an option of the call cannot be compared',
  platform: 'on Workers no call may wait for another one',
};

/** By type. The start and the end of calls and attempts have no sentence of their own. */
export const sentences: Sentences = {
  'timeout.exceeded': (event) => expired(event, event.learned),
  'retry.scheduled': ({ retry, delay }) => `retry ${retry} in ${shortDuration(delay)}`,
  'retry.abandoned': ({ reason }) => `no further retry: ${abandoned[reason]}`,
  'resume.continued': ({ offset }) => `the body broke off and goes on after ${offset} bytes`,
  'resume.restarted': ({ offset }) =>
    `the body broke off and is read again${offset === 0 ? '' : `, without its first ${offset} bytes`}`,
  'resume.abandoned': ({ offset, reason }) => `the body broke off after ${offset} bytes: ${discontinued[reason]}`,
  'hedge.launched': ({ copy, delay }) => `copy ${copy} sent after ${shortDuration(delay)}`,
  'hedge.won': ({ copy }) => (copy === 1 ? 'the original won (copy 1)' : `copy ${copy} won`),
  'hedge.suppressed': ({ reason }) => `no copy: ${suppressed[reason]}`,
  'auth.renewed': ({ duration }) => `the token was renewed in ${shortDuration(duration)}`,
  'auth.refused': () => 'the token server has refused the renewal: the user is signed out',
  'auth.awaited': () => 'waits for a renewal of the token',
  'outbox.kept': () => 'kept in the outbox, to be sent later',
  'outbox.sent': ({ age }) => `sent from the outbox, ${shortDuration(age)} after its call`,
  'outbox.postponed': ({ age }) => `goes on waiting in the outbox, since ${shortDuration(age)}`,
  'race.won': ({ url }, say) => `${say.url(url)} won the race`,
  'dedupe.joined': () => 'shares the request of another call',
  'dedupe.skipped': ({ reason }) => `not shared with other calls: ${skipped[reason]}`,
  'latest.replaced': () => 'replaced by a newer call',
  'idempotency.awaited': ({ key }, say) => `waits for the call that holds the key ${say.text(key)}`,
  'idempotency.recovered': ({ key }, say) => `takes over the key ${say.text(key)}, whose holder has vanished`,
  'idempotency.replayed': ({ key }, say) => `the stored response of the key ${say.text(key)} is returned`,
  'idempotency.unrecorded': ({ key, error }, say) =>
    `the response is not stored under the key ${say.text(key)}${because(error, say)}`,
  'breaker.opened': ({ key, retryAt, time }, say) => `the circuit of ${say.url(key)} opens for ${until(retryAt, time)}`,
  'breaker.rejected': ({ key, retryAt, time }, say) =>
    `refused: the circuit of ${say.url(key)} is open for another ${until(retryAt, time)}`,
  'breaker.probed': ({ key }, say) => `is the probe of the circuit of ${say.url(key)}`,
  'breaker.closed': ({ key }, say) => `the circuit of ${say.url(key)} is closed again`,
  'limit.queued': ({ key, ahead }, say) => `waits for a permit of ${say.url(key)}, ${ahead} ahead`,
  'limit.rejected': ({ key, reason }, say) =>
    `refused by the limit of ${say.url(key)}: ${reason === 'queue' ? 'the queue is full' : 'its turn would come after its deadline'}`,
  'shed.rejected': ({ reason, urgency }) =>
    `refused with urgency ${urgency}: ${reason === 'delay' ? 'it has waited too long for the event loop' : 'too many requests run'}`,
  'deadline.rejected': ({ left }) => `refused: only ${shortDuration(left)} are left`,
  'deadline.exceeded': ({ limit }) => `no response within ${shortDuration(limit)}, the time that was left`,
  'limit.local': ({ key, error }, say) =>
    `starts within the share of this process of the limit of ${say.url(key)}${because(error, say)}`,
  'endpoint.picked': ({ url, zone }, say) => `goes to ${say.url(url)}${zone === undefined ? '' : ` (zone ${zone})`}`,
  'endpoint.ejected': ({ url, duration }, say) => `${say.url(url)} is ejected for ${shortDuration(duration)}`,
  'endpoint.returned': ({ url }, say) => `${say.url(url)} is used again`,
  'stale-if-error.served': ({ age, ...outcome }, say) =>
    `${say.outcome(outcome)}, so the stored response is returned, ${age} s old`,
  'stale-if-error.skipped': ({ reason }) => `no response is stored: ${skipped[reason]}`,
  'stale-if-error.unrecorded': ({ error }, say) => `the response is not stored${because(error, say)}`,
  'max-body.exceeded': ({ limit }) => `the body has more than ${limit} bytes`,
  'chaos.injected': ({ latency, status, error, cut }) =>
    `chaos injects ${[
      latency !== undefined && `${shortDuration(latency)} of latency`,
      status !== undefined && `a ${status}`,
      error !== undefined && faults[error],
      cut !== undefined && 'a body that breaks off',
    ]
      .filter((fault) => fault !== false)
      .join(' and ')}`,
  'fallback.used': (outcome, say) => `${say.outcome(outcome)}, so the substitute is returned`,
};

function because(error: unknown, say: Say): string {
  return error === undefined ? ': the body is too long, or a stream' : `: ${say.outcome({ error })}`;
}

function until(time: number, now: number): string {
  return shortDuration(Math.max(0, time - now));
}
