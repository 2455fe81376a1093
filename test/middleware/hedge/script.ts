/** Copies that follow a script, for the tests of hedge. */
import { hedge, type Fetch } from '../../../src/index.ts';
import { watched } from '../../support/call.ts';
import { url } from '../../support/http.ts';

/** What a copy does after `ms`: it gets a response of `status`, whose body names the copy, or it fails. */
export interface Step {
  readonly ms: number;
  readonly status?: number;
  readonly error?: unknown;
  readonly headers?: HeadersInit;
}

/** A transport that follows a script, one step for each copy, and obeys its signal. */
export function scripted(...steps: readonly Step[]) {
  const sent: { readonly request: Request; readonly signal: AbortSignal; readonly at: number }[] = [];
  const transport: Fetch = (input, init) =>
    new Promise((resolve, reject) => {
      const request = new Request(input, init);
      const { signal } = request;
      const copy = sent.push({ request, signal, at: performance.now() });
      const { ms, status = 200, error, headers } = steps[Math.min(copy, steps.length) - 1]!;
      const timer = setTimeout(() => {
        if (error !== undefined) reject(error);
        else resolve(new Response(`copy ${copy}`, { status, ...(headers && { headers }) }));
      }, ms);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    });
  return { sent, transport };
}

/** One call through `hedge`. `outcome` resolves to what the caller gets, and after how long. */
export function run(options: Parameters<typeof hedge>[0], steps: readonly Step[], init?: RequestInit) {
  const { sent, transport } = scripted(...steps);
  const { fetch, events } = watched([hedge(options)], transport);
  const started = performance.now();
  const outcome = fetch(url, init).then(
    async (response) => ({ status: response.status, text: await response.text(), ms: performance.now() - started }),
    (error: unknown) => ({ error, ms: performance.now() - started }),
  );
  const facts = (): unknown[] =>
    events.filter(({ type }) => type.startsWith('hedge.')).map(({ id: _id, time: _time, ...fact }) => fact);
  return { outcome, sent, events, facts };
}
