/** Measures a server gently: a few calls a second, one after another when they are slow. */
import { setTimeout as sleep } from 'node:timers/promises';

import { failureOf } from '../load/failure.ts';

export interface Sample {
  /** ms to the response headers, and to the last byte; `undefined` if the call failed. */
  readonly headers: number | undefined;
  readonly whole: number | undefined;
  readonly status: number | undefined;
  readonly failure: string | undefined;
  readonly bytes: number;
}

export interface Samples {
  readonly samples: readonly Sample[];
  /** The headers of the last response. */
  readonly last: Headers;
}

export interface Request {
  readonly url: string;
  readonly header: readonly [string, string][];
  readonly calls: number;
  /** Calls a second, at most. */
  readonly rate: number;
}

/** No call waits longer for a response, ms. */
const longest = 30_000;

/** The first call opens the connection, and is not among the samples. */
export async function measure(
  { url, header, calls, rate }: Request,
  signal: AbortSignal,
  measured: (done: number) => void,
): Promise<Samples> {
  const samples: Sample[] = [];
  let last = new Headers();
  for (let index = 0; index <= calls && !signal.aborted; index += 1) {
    const started = performance.now();
    const { sample, headers } = await call(url, header, signal);
    if (headers !== undefined) last = headers;
    if (index > 0 && !signal.aborted) samples.push(sample);
    measured(samples.length);
    // Half of the time the server rests, also if it is slow.
    const spent = performance.now() - started;
    await sleep(Math.max(1_000 / rate - spent, spent), undefined, { signal }).catch(() => {});
  }
  return { samples, last };
}

async function call(
  url: string,
  header: readonly [string, string][],
  signal: AbortSignal,
): Promise<{ sample: Sample; headers?: Headers }> {
  const started = performance.now();
  const elapsed = (): number => performance.now() - started;
  try {
    const response = await fetch(url, {
      headers: header.map(([name, value]): [string, string] => [name, value]),
      signal: AbortSignal.any([signal, AbortSignal.timeout(longest)]),
    });
    const headers = elapsed();
    const { byteLength: bytes } = await response.arrayBuffer();
    const failure = response.status >= 400 ? `HTTP ${response.status}` : undefined;
    const good = failure === undefined ? { headers, whole: elapsed() } : { headers: undefined, whole: undefined };
    return { sample: { ...good, status: response.status, failure, bytes }, headers: response.headers };
  } catch (error) {
    const failure = failureOf(error);
    return { sample: { headers: undefined, whole: undefined, status: undefined, failure, bytes: 0 } };
  }
}
