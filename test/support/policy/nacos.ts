/**
 * A stand-in for Nacos, of the generations 1 and 2 (`/nacos/v1/cs/configs`), 3 (that, and `/nacos/v3/client/cs/config`), and 3
 * with `nacos.core.api.compatibility.client.enabled=false`, where the old paths are gone (410). Written after ConfigController,
 * ConfigServletInner, LongPollingService and ConfigOpenApiController of Nacos 1.4.6, 2.4.3 and 3.1.
 */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { clearTimeout, setTimeout } from 'node:timers'; // not those that a test moves

import { standIn, type Asked, type StandIn } from './stand-in.ts';

export interface NacosStandIn extends StandIn {
  /** `id` is `group/dataId`, or `namespace/group/dataId`. */
  publish(id: string, text: string): void;
  delete(id: string): void;
  /** The tokens of before are no longer valid. */
  forget(): void;
  logins(): number;
}

export interface NacosSettings {
  readonly generation?: 1 | 3 | '3 without compatibility';
  readonly user?: { readonly username: string; readonly password: string };
  /** How long a listener is held, ms: Nacos has 500 ms less than the client asks for, and 10 s at least. */
  readonly hold?: number;
}

export async function startNacos({ generation = 1, user, hold }: NacosSettings = {}): Promise<NacosStandIn> {
  const texts = new Map<string, string>();
  const held = new Map<() => void, string>();
  let token = 'token-1';
  let logins = 0;

  const md5 = (id: string): string => {
    const text = texts.get(id);
    return text === undefined ? '' : createHash('md5').update(text).digest('hex');
  };

  const logIn = ({ body }: Asked, response: ServerResponse): void => {
    const form = new URLSearchParams(body);
    if (form.get('username') !== user?.username || form.get('password') !== user?.password)
      return void response.writeHead(403).end('unknown user!');
    logins += 1;
    json(response, 200, { accessToken: token, tokenTtl: 18_000, globalAdmin: true });
  };

  const readNew = ({ query }: Asked, response: ServerResponse): void => {
    const id = idOf(query.get('namespaceId'), query.get('groupName'), query.get('dataId'));
    const text = texts.get(id);
    if (text === undefined) return json(response, 200, { code: 20_004, message: 'resource not found', data: null });
    const data = { content: text, contentType: 'json', md5: md5(id), lastModified: 1, beta: false };
    json(response, 200, { code: 0, message: 'success', data });
  };

  const readOld = ({ query }: Asked, response: ServerResponse): void => {
    const id = idOf(query.get('tenant'), query.get('group'), query.get('dataId'));
    const text = texts.get(id);
    if (text === undefined) return void response.writeHead(404).end('config data not exist\n');
    response.writeHead(200, { 'content-md5': md5(id), 'cache-control': 'no-cache,no-store' }).end(text);
  };

  const listen = ({ headers, body }: Asked, response: ServerResponse): void => {
    const line = new URLSearchParams(body).get('Listening-Configs') ?? '';
    const parts = decodeURIComponent(line).split('\x01')[0]!.split('\x02');
    const [dataId, group, known, namespace = ''] = parts as [string, string, string, string?];
    const id = idOf(namespace, group, dataId);
    const changed = (): void => {
      clearTimeout(timer);
      held.delete(changed);
      const said = [dataId, group, ...(namespace === '' ? [] : [namespace])].join('\x02');
      response.end(encodeURIComponent(`${said}\x01`));
    };
    const longest = hold ?? Math.max(10_000, Number(headers['long-pulling-timeout']) - 500);
    const timer = setTimeout(() => {
      held.delete(changed);
      response.end();
    }, longest);
    response.once('close', () => {
      clearTimeout(timer);
      held.delete(changed);
    });
    if (known !== md5(id)) return changed();
    held.set(changed, id);
  };

  const server = await standIn((asked, response) => {
    const { method, path, headers } = asked;
    const isNew = path.startsWith('/nacos/v3/');
    if (isNew && generation === 1) return json(response, 404, { status: 404, error: 'Not Found', path });
    if (!isNew && generation === '3 without compatibility')
      return json(response, 410, { status: 410, error: 'Gone', message: 'Current API will be deprecated', path });
    if (path.endsWith('/login')) return logIn(asked, response);
    if (user !== undefined && headers.authorization !== `Bearer ${token}`)
      return json(response, 403, { status: 403, error: 'Forbidden', message: 'token expired!', path });
    if (method === 'POST' && path === '/nacos/v1/cs/configs/listener') return listen(asked, response);
    if (path === '/nacos/v1/cs/configs') return readOld(asked, response);
    if (path === '/nacos/v3/client/cs/config') return readNew(asked, response);
    return json(response, 404, { status: 404, error: 'Not Found', path });
  });

  const notify = (id: string): void => {
    for (const [changed, of] of held) if (of === id) changed();
  };

  return Object.assign(server, {
    publish(id: string, text: string) {
      texts.set(id, text);
      notify(id);
    },
    delete(id: string) {
      texts.delete(id);
      notify(id);
    },
    forget() {
      token = `${token}1`;
    },
    logins: () => logins,
  });

  function json(response: ServerResponse, status: number, content: object): void {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content));
  }
}

function idOf(namespace: string | null, group: string | null, dataId: string | null): string {
  return [namespace, group, dataId].filter(Boolean).join('/');
}
