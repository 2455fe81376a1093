/**
 * `npm run bench:auth`: clients that renew a token, on a server that rotates refresh tokens and ends a session in which one is used
 * again. Each contender does the same five scripts; the table has what the server and the callers saw.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { tokenServer, type Grant, type TokenServer } from '../test/support/token-server.ts';
import { contenders, type AuthContender, type TokenStore } from './lib/auth.ts';
import { installed, printHead, printTable, versionsOf } from './lib/report.ts';

const calls = process.argv.includes('--smoke') ? 10 : 100;

interface Script {
  readonly title: string;
  run(make: () => Promise<(path: string) => Promise<number>>, server: TokenServer, store: TokenStore): Promise<string>;
}

const scripts: readonly Script[] = [
  {
    title: `${calls} calls meet a 401: renewals, lost`,
    async run(make, server) {
      const call = await make();
      server.expire('ada');
      return outcome(server, await all(calls, () => call('/me')));
    },
  },
  {
    title: 'a late 401 of the former token: renewals, lost',
    async run(make, server) {
      const call = await make();
      server.expire('ada');
      const slow = call('/me?delay=300');
      await sleep(50);
      const quick = await call('/me');
      return outcome(server, [quick, await slow]);
    },
  },
  {
    title: 'two tabs meet a 401 together: renewals, lost',
    async run(make, server) {
      const tabs = [await make(), await make()];
      server.expire('ada');
      return outcome(server, await Promise.all(tabs.flatMap((call) => [call('/1'), call('/2'), call('/3')])));
    },
  },
  {
    title: 'no token is good: requests of one call in 2 s',
    async run(make, server) {
      const call = await make();
      await Promise.race([call('/me'), sleep(2_000)]);
      return String(server.seen.calls.length);
    },
  },
  {
    title: 'the token server is down, then up: lost of the second call',
    async run(make, server) {
      const call = await make();
      server.expire('ada');
      server.fault = 'reset';
      await call('/me');
      server.fault = 'none';
      return String(lostOf([await call('/me')]));
    },
  },
];

async function all(count: number, call: () => Promise<number>): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => call()));
}

function lostOf(statuses: readonly number[]): number {
  return statuses.filter((status) => status !== 200).length;
}

function outcome({ seen }: TokenServer, statuses: readonly number[]): string {
  const reused = seen.reuses > 0 ? `, ${seen.reuses} reused` : '';
  return `${seen.renewals}${reused}, ${lostOf(statuses)} lost`;
}

async function measure(contender: AuthContender, script: Script): Promise<string> {
  await using server = await tokenServer({ work: 30, isClosed: script.title.startsWith('no token') });
  const store: TokenStore = { grant: server.login('ada') satisfies Grant };
  const make = async (): Promise<(path: string) => Promise<number>> => {
    const call = await contender.make(server, store);
    return (path) => call(path).catch(() => 0);
  };
  return await script.run(make, server, store);
}

// A client may still call when its server has gone, and not handle that.
process.on('unhandledRejection', () => {});
const versions = await versionsOf(Object.values(contenders).flatMap(({ packages = [] }) => packages));
printHead('Clients that renew a token', versions);
const rows: string[][] = [];
for (const [name, contender] of installed(contenders, versions)) {
  const row = [name];
  for (const script of scripts) row.push(await measure(contender, script));
  rows.push(row);
}
printTable(
  scripts.map(({ title }) => title),
  rows,
);
process.exit(); // urql keeps a timer
