/**
 * A token server with rotation: each refresh token is good once (RFC 9700 §4.14.2). One that is used again is a sign of theft and
 * ends the session, except within a leeway, as Auth0 and Okta have it, in which a repeat gets the same tokens. It is also
 * the API that the access tokens are for: it decides at once, and responds after the `delay` of the query, ms.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { later, now } from './faults/clock.ts';

export interface Grant {
  readonly access_token: string;
  readonly refresh_token: string;
  /** Seconds. */
  readonly expires_in: number;
}

export interface TokenServerOptions {
  /** How long an access token is good, ms. @default an hour */
  readonly life?: number;
  /** How long a used refresh token may be used again, ms. @default 0 */
  readonly leeway?: number;
  /** Whether no access token is good. @default false */
  readonly isClosed?: boolean;
  /** How long a renewal takes, ms. @default 0 */
  readonly work?: number;
}

export interface TokenServer extends AsyncDisposable {
  readonly url: string;
  /** What the server has seen. `calls`: of the API, by access token; `keys`: their idempotency keys. */
  readonly seen: {
    renewals: number;
    reuses: number;
    refusals: number;
    readonly calls: {
      readonly token: string | undefined;
      readonly status: number;
      readonly body: string;
      readonly key?: string;
    }[];
  };
  /** How the next renewals end: as they should, with this status, or with a reset connection. */
  fault: 'none' | number | 'reset';
  /** The tokens of a login. */
  login(user: string): Grant;
  /** Makes the access tokens of a user old. */
  expire(user: string): void;
}

interface Family {
  readonly user: string;
  current: Grant;
  /** The refresh token before the current one, and when it was used. */
  former?: { readonly token: string; readonly usedAt: number };
  expiresAt: number;
}

export async function tokenServer({
  life = 3_600_000,
  leeway = 0,
  work = 0,
  isClosed = false,
}: TokenServerOptions = {}): Promise<TokenServer> {
  const families = new Map<string, Family>();
  const seen: TokenServer['seen'] = { renewals: 0, reuses: 0, refusals: 0, calls: [] };

  const grant = (user: string): Grant => ({
    access_token: `access-${user}-${randomUUID()}`,
    refresh_token: `refresh-${user}-${randomUUID()}`,
    expires_in: life / 1_000,
  });
  const send = (response: ServerResponse, status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...cors });
    response.end(JSON.stringify(body));
  };

  const renew = (token: string): readonly [status: number, body: unknown] => {
    const family = [...families.values()].find(({ current }) => current.refresh_token === token);
    if (family !== undefined) {
      seen.renewals += 1;
      family.former = { token, usedAt: now() };
      family.current = grant(family.user);
      family.expiresAt = now() + life;
      return [200, family.current];
    }
    const used = [...families.values()].find(({ former }) => former?.token === token);
    if (used !== undefined && now() - used.former!.usedAt < leeway) return [200, used.current];
    seen.reuses += 1;
    if (used !== undefined) families.delete(used.user);
    return [400, { error: 'invalid_grant' }];
  };

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'OPTIONS') return void response.writeHead(204, cors).end();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    if (request.url === '/token') {
      if (server.fault === 'reset') return void request.socket.resetAndDestroy();
      if (server.fault !== 'none') {
        seen.refusals += 1;
        return send(response, server.fault, { error: 'invalid_grant' });
      }
      const [status, found] = renew(new URLSearchParams(body).get('refresh_token') ?? '');
      if (work > 0) await new Promise<void>((resolve) => later(resolve, work));
      return send(response, status, found);
    }
    const token = request.headers.authorization?.replace('Bearer ', '');
    const family = [...families.values()].find(({ current }) => current.access_token === token);
    const status = !isClosed && family !== undefined && family.expiresAt > now() ? 200 : 401;
    const key = request.headers['idempotency-key'];
    seen.calls.push({ token, status, body, ...(typeof key === 'string' && { key }) });
    const delay = Number(new URL(request.url!, server.url).searchParams.get('delay'));
    if (delay > 0) await new Promise<void>((resolve) => later(resolve, delay));
    if (status === 401) return send(response, status, { errors: [{ message: 'unauthorized' }] });
    send(response, status, { data: { user: family?.user, path: request.url } });
  };

  const http = createServer((request, response) => void respond(request, response).catch(() => response.destroy()));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');

  const server: TokenServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    seen,
    fault: 'none',
    login(user) {
      const current = grant(user);
      families.set(user, { user, current, expiresAt: now() + life });
      return current;
    },
    expire(user) {
      families.get(user)!.expiresAt = 0;
    },
    async [Symbol.asyncDispose]() {
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
    },
  };
  return server;
}

/** For pages of another origin. */
const cors = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'authorization, content-type, idempotency-key',
  'access-control-allow-methods': 'GET, POST',
};
