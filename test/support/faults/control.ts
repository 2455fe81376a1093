/**
 * The members of the fault server for a page, which cannot read the object. They are served on another port, so that the
 * requests do not disturb the connections under test.
 */
import type { Exchange, Seen } from './exchange.ts';
import type { Routes } from './routes.ts';

/** `true` is `'reset'`; a number is the status of every response. */
export type Outage = boolean | 'reset' | 'fin' | 'hang' | number;

/** The members of a fault server that a page can read and set. */
export interface Controlled {
  readonly requests: readonly Seen[];
  readonly busy: readonly Seen[];
  readonly preflights: number;
  readonly connections: number;
  readonly open: number;
  readonly handshakes: number;
  outage: Outage;
  executions(id: string): number;
  until(predicate: (server: Controlled) => boolean): Promise<void>;
  reset(): void;
}

export function control(server: () => Controlled): Routes {
  const json = (x: Exchange, value: unknown): Promise<void> =>
    x.reply(200, JSON.stringify(value), { 'content-type': 'application/json' });

  /** The requests for the parameter `url`, which is a path, or a path and its query. Without it, all requests. */
  const requests = (x: Exchange): readonly Seen[] => {
    const wanted = x.text('url', '');
    return server().requests.filter(({ url, path }) => wanted === '' || wanted === url || wanted === path);
  };

  return {
    '/seen': (x) => {
      const { preflights, connections, open, handshakes, busy } = server();
      const counts = { preflights, connections, open, handshakes, busy: busy.length };
      return json(x, { ...counts, requests: requests(x).map(plain) });
    },
    // Responds once `count` requests are in the `state`.
    '/until': async (x) => {
      const found = (): readonly Seen[] => requests(x).filter(({ state }) => state === x.text('state', 'complete'));
      await server().until(() => found().length >= x.number('count', 1));
      await json(x, found().map(plain));
    },
    '/handshake': async (x) => {
      await server().until(({ handshakes }) => handshakes > 0);
      await json(x, server().handshakes);
    },
    '/executions': (x) => json(x, server().executions(x.text('id', ''))),
    '/outage': (x) => {
      const how = x.text('how', 'reset');
      server().outage = how === 'off' ? false : ((Number(how) || how) as Outage);
      return json(x, how);
    },
    '/reset': (x) => {
      server().reset();
      return json(x, 'reset');
    },
  };
}

export interface Plain extends Omit<Seen, 'body'> {
  readonly body: string;
}

function plain({ method, url, path, headers, body, connection, nth, at, state, headSent, abortedAfter }: Seen): Plain {
  return { method, url, path, headers, body: body.toString(), connection, nth, at, state, headSent, abortedAfter };
}
