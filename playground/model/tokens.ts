/**
 * Two tabs of an app that share a token, and a token server in the page that rotates refresh tokens. One lane renews by an
 * interceptor, as most apps do; the other one by `auth`.
 */
import { auth, createFetch, memory } from 'kyoa';

export type TokenLane = 'plain' | 'kyoa';

/** One call of a tab. */
export interface TokenCall {
  readonly number: number;
  state: 'running' | 'good' | 'refused';
}

export interface TokenApp {
  /** Makes calls in both tabs at once. Resolves when all of them have ended. */
  readonly call: (count: number) => Promise<void>;
  /** Makes the access token old. */
  readonly expire: () => void;
  readonly signIn: () => Promise<void>;
  /** By tab, newest first. */
  readonly calls: () => readonly (readonly TokenCall[])[];
  readonly facts: () => TokenFacts;
}

export interface TokenFacts {
  readonly renewals: number;
  /** Renewals with a refresh token that had been used: the server takes it for stolen, and ends the session. */
  readonly reused: number;
  readonly isSignedIn: boolean;
}

interface Tokens {
  readonly access: string;
  readonly refresh: string;
}

/** How long a request and a renewal take, ms. */
const requestTime = 90;
const renewalTime = 250;
/** The calls of a tab that are kept. */
const kept = 12;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export function createTokenApp(lane: TokenLane): TokenApp {
  const server = createTokenServer();
  const tabs = lane === 'plain' ? interceptingTabs(server) : kyoaTabs(server);
  const calls: TokenCall[][] = tabs.calls.map(() => []);
  let number = 0;

  return {
    async call(count) {
      const all = tabs.calls.flatMap((send, tab) =>
        Array.from({ length: count }, async () => {
          const call: TokenCall = { number: (number += 1), state: 'running' };
          calls[tab] = [call, ...calls[tab]!].slice(0, kept);
          call.state = (await send()) === 200 ? 'good' : 'refused';
        }),
      );
      await Promise.all(all);
    },
    expire: server.expire,
    signIn: () => tabs.signIn(server.login()),
    calls: () => calls,
    facts: server.facts,
  };
}

interface Tabs {
  /** By tab: makes a call, and resolves to its status. */
  readonly calls: readonly (() => Promise<number>)[];
  readonly signIn: (tokens: Tokens) => Promise<void>;
}

/** Each tab renews by itself when it meets a 401. Both have their tokens in the same place, as in `localStorage`. */
function interceptingTabs(server: TokenServer): Tabs {
  let tokens: Tokens | undefined = server.login();
  const call = async (): Promise<number> => {
    const status = await server.request(tokens?.access);
    if (status !== 401 || tokens === undefined) return status;
    tokens = await server.renew(tokens.refresh);
    return server.request(tokens?.access);
  };
  return {
    calls: [call, call],
    signIn: async (given) => {
      tokens = given;
    },
  };
}

/** Each tab has an instance of its own; they share a storage, as IndexedDB in a browser. */
function kyoaTabs(server: TokenServer): Tabs {
  const storage = memory();
  const transport = async (_: unknown, init?: RequestInit): Promise<Response> => {
    const access = new Headers(init?.headers).get('authorization')?.replace('Bearer ', '');
    return new Response('', { status: await server.request(access) });
  };
  const sessions = [0, 1].map(() =>
    auth({ storage, renew: async ({ token }) => server.renew((token as Tokens | undefined)?.refresh ?? '') }),
  );
  const signedIn = sessions[0]!.set(server.login());
  return {
    calls: sessions.map((session) => {
      const fetch = createFetch({ use: [session], fetch: transport });
      return async () => {
        await signedIn;
        return (await fetch('https://api.flaky.invalid/me')).status;
      };
    }),
    signIn: (tokens) => sessions[0]!.set(tokens),
  };
}

interface TokenServer {
  readonly login: () => Tokens;
  /** Resolves to the status of a request with this token. */
  readonly request: (access: string | undefined) => Promise<number>;
  /** `undefined`: it refuses. */
  readonly renew: (refresh: string) => Promise<Tokens | undefined>;
  readonly expire: () => void;
  readonly facts: () => TokenFacts;
}

function createTokenServer(): TokenServer {
  let current: Tokens | undefined;
  let isExpired = false;
  let issued = 0;
  let [renewals, reused] = [0, 0];
  const issue = (): Tokens => {
    issued += 1;
    isExpired = false;
    return (current = { access: `access-${issued}`, refresh: `refresh-${issued}` });
  };

  return {
    login: issue,
    async request(access) {
      const isGood = access !== undefined && access === current?.access && !isExpired;
      await pause(requestTime);
      return isGood ? 200 : 401;
    },
    async renew(refresh) {
      let tokens: Tokens | undefined;
      if (current?.refresh === refresh) {
        renewals += 1;
        tokens = issue();
      } else {
        reused += 1;
        current = undefined;
      }
      await pause(renewalTime);
      return tokens;
    },
    expire() {
      isExpired = true;
    },
    facts: () => ({ renewals, reused, isSignedIn: current !== undefined }),
  };
}
