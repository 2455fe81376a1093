/** Sources of policy documents whose reports a test makes by hand, and policies that are watched. */
import {
  policy,
  type LivePolicy,
  type PolicyEvent,
  type PolicyOptions,
  type PolicySink,
  type PolicySource,
} from '../../src/policy.ts';

export interface ManualSource extends PolicySource, PolicySink {
  /** Aborts when the policy no longer watches the source. */
  readonly signal: AbortSignal;
}

export function manualSource(name = 'config', first?: (sink: PolicySink) => void): ManualSource {
  let sink: PolicySink | undefined;
  let signal: AbortSignal | undefined;
  return {
    name,
    watch(given, aborted) {
      [sink, signal] = [given, aborted];
      first?.(given);
    },
    document: (text, version) => sink!.document(text, version),
    absent: () => sink!.absent(),
    failed: (error) => sink!.failed(error),
    get signal() {
      return signal!;
    },
  };
}

/** The text of a document whose retry has so many retries. */
export function retries(count: unknown, version?: number): string {
  return JSON.stringify({ version, use: [{ retry: { retries: count } }] });
}

export interface Watched {
  readonly live: LivePolicy;
  readonly events: readonly PolicyEvent[];
  readonly types: () => string[];
  /** `retry:2` for each policy in force. */
  readonly stack: () => string;
}

export function watched(from: Parameters<typeof policy>[0], options: PolicyOptions = {}): Watched {
  const events: PolicyEvent[] = [];
  const live = policy(from, { wait: 0, listener: (event) => void events.push(event), ...options });
  const stack = (): string =>
    live
      .snapshot()
      .use.map(({ name, options }) => `${name}:${(options['retries'] as number | undefined) ?? ''}`)
      .join(' ');
  return { live, events, types: () => events.map(({ type }) => type), stack };
}
