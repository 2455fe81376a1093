/** Transports for the tests of this folder, which respond by the origin of each request. */
import { constant, retry, type Fetch } from 'kyoa';

import { watched } from '../../support/call.ts';
import { networkError } from '../../support/http.ts';

export const [a, b, c] = ['http://a.example', 'http://b.example', 'http://c.example'];
export const list = [{ url: a }, { url: b }, { url: c }];

type Respond = () => Response | Promise<Response>;

/** A fetch whose transport responds by `origins`, with 200 for every other origin. `sent` has the origin of each request. */
export function byOrigin(use: Parameters<typeof watched>[0], origins: Record<string, Respond> = {}) {
  const sent: string[] = [];
  const transport: Fetch = async (input) => {
    const { origin } = new URL(input instanceof Request ? input.url : input);
    sent.push(origin);
    return (origins[origin] ?? (() => new Response('fine')))();
  };
  return { sent, origins, ...watched(use, transport) };
}

/** Responds with this status. */
export function respondWith(status: number): Respond {
  return () => new Response('no', { status });
}

/** Fails with this code as in Node, or without a code as in a browser. */
export function refuse(code?: string): Respond {
  return () => {
    throw code === undefined ? new TypeError('Failed to fetch') : networkError(code);
  };
}

/** Never responds, and ignores its signal. */
export const hang: Respond = () => new Promise(() => {});

/** Retries at once and without a budget. */
export const eager = retry({ backoff: constant(0), budget: false });

/** The `random` option that always draws the first endpoint. */
export const alwaysFirst = (): number => 0;
