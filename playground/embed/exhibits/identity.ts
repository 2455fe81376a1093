/** Exhibits of who makes a call: auth, sign. */
import * as kyoa from 'kyoa';
import type { Fetch } from '../../network/simulated-fetch.ts';
import { layer } from '../exhibit.ts';
import type { Exhibit, LaneView, Values } from '../exhibit.ts';
import { p50, perCall, success } from '../figures.ts';
import { setting, value } from '../knobs.ts';

export const auth = (): Exhibit => {
  const servers = { plain: tokenServer(), kyoa: tokenServer() };
  const session = kyoa.auth({ renew: async () => ({ access: await servers.kyoa.renew() }) });
  return {
    title: 'auth',
    about:
      'Ten calls are made at once, and their token is good for a few seconds only. In the upper lane each call that gets a 401 ' +
      'renews the token by itself, as most interceptors do, and each renewal makes the token of the others old. auth renews ' +
      'once, and sends all of them again.',
    weather: { latency: { median: 120, sigma: 0.5 } },
    rate: 0.8,
    burst: ({ calls = 10 }) => calls,
    without: { outer: () => [renewByItself(servers.plain)], transport: servers.plain.guard },
    with: { outer: () => [session], transport: servers.kyoa.guard },
    knobs: [
      value('life', 'A token is good for', 'ms', 4_000, [1_000, 20_000], 'Then the server responds with a 401.'),
      value('calls', 'Calls at once', 'count', 10, [1, 40], 'Each of them meets the same 401.'),
    ],
    figures: [success, { title: 'Renewals', read: ({ name }: LaneView) => String(servers[name].renewals()) }],
    legend: ['answered', 'error status'],
  };
};

interface TokenServer {
  renew(): Promise<string>;
  renewals(): number;
  /** Lets only requests with the present token through. */
  readonly guard: (fetch: Fetch, values: () => Values) => Fetch;
}

function tokenServer(): TokenServer {
  let renewals = 0;
  let issued = -Infinity;
  return {
    async renew() {
      await new Promise((resolve) => setTimeout(resolve, 80));
      issued = performance.now();
      renewals += 1;
      return `token-${renewals}`;
    },
    renewals: () => renewals,
    guard: (fetch, values) => async (input, init) => {
      const response = await fetch(input, init);
      const given = new Headers(init?.headers ?? (input as Request).headers).get('authorization');
      const isGood = given === `Bearer token-${renewals}` && performance.now() - issued < (values()['life'] ?? 4_000);
      return isGood ? response : new Response('{}', { status: 401 });
    },
  };
}

/** What an interceptor does that knows of no other call. */
function renewByItself(server: TokenServer): kyoa.Middleware {
  let token = '';
  return async function interceptor(_ctx, next) {
    const response = await next({ headers: { authorization: `Bearer ${token}` } });
    if (response.status !== 401) return response;
    token = await server.renew();
    return next({ headers: { authorization: `Bearer ${token}` } });
  };
}

export const sign = (): Exhibit => ({
  title: 'sign',
  about:
    'Some responses are a 503, which retry repeats after a pause, and the server takes no signature that is older than half a ' +
    'second. In the upper lane the request is signed once, before the retries. sign is innermost: each attempt has a ' +
    'signature of its own.',
  weather: { latency: { median: 120, sigma: 0.5 } },
  rate: 5,
  without: {
    outer: () => [(_ctx, next) => next({ headers: { 'x-time': String(Date.now()) } })],
    inner: () => [kyoa.retry({ backoff: kyoa.constant(1_000) })],
    transport: refusingOld,
  },
  with: {
    stack: [layer('retry', { backoff: 'constant', 'backoff.base': 1_000 })],
    inner: () => [kyoa.sign((_request, { date }) => ({ 'x-time': String(date.getTime()) }))],
    transport: refusingOld,
  },
  knobs: [setting('errors.rate', 0.25, [0, 0.6, 0.01])],
  figures: [success, p50, perCall],
  legend: ['answered', 'error status'],
});

function refusingOld(fetch: Fetch): Fetch {
  return async (input, init) => {
    const time = Number(new Headers(init?.headers ?? (input as Request).headers).get('x-time'));
    return Date.now() - time < 500 ? fetch(input, init) : new Response('{}', { status: 403 });
  };
}
