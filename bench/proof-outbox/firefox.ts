/** As much of Firefox's WebDriver BiDi as the proof needs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Firefox extends AsyncDisposable {
  /** Resolves to the id of a new tab. */
  open(url: string): Promise<string>;
  close(tab: string): Promise<void>;
  offline(tab: string, isOffline: boolean): Promise<void>;
  /** Resolves to the value of an expression, which is a promise of text. */
  evaluate(tab: string, expression: string): Promise<string>;
}

interface Reply {
  readonly id: number;
  readonly type: 'success' | 'error';
  readonly message?: string;
  readonly result?: unknown;
}

export function findFirefox(): string | undefined {
  return ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find((path) => existsSync(path));
}

export async function startFirefox(command: string): Promise<Firefox> {
  const profile = mkdtempSync(join(tmpdir(), 'kyoa-firefox-'));
  writeFileSync(join(profile, 'user.js'), 'user_pref("network.captive-portal-service.enabled", false);');
  const args = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'];
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const place = await new Promise<string>((resolve) => {
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const found = /listening on (ws:\S+)/.exec(text);
      if (found) resolve(found[1]!);
    });
  });
  const socket = new WebSocket(`${place}/session`);
  await once(socket, 'open');
  const pending = new Map<number, (reply: Reply) => void>();
  socket.addEventListener('message', ({ data }) => {
    const reply = JSON.parse(String(data)) as Reply;
    pending.get(reply.id)?.(reply);
    pending.delete(reply.id);
  });
  let commands = 0;
  const send = async (method: string, params: object): Promise<unknown> => {
    commands += 1;
    const id = commands;
    const reply = await new Promise<Reply>((resolve) => {
      pending.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
    if (reply.type === 'error') throw new Error(`${method}: ${reply.message}`);
    return reply.result;
  };
  await send('session.new', { capabilities: {} });
  return {
    async open(url) {
      const { context } = (await send('browsingContext.create', { type: 'tab' })) as { readonly context: string };
      await send('browsingContext.navigate', { context, url, wait: 'complete' });
      return context;
    },
    async close(context) {
      await send('browsingContext.close', { context });
    },
    async offline(context, isOffline) {
      const networkConditions = isOffline ? { type: 'offline' } : null;
      await send('emulation.setNetworkConditions', { networkConditions, contexts: [context] });
    },
    async evaluate(context, expression) {
      const params = { expression, target: { context }, awaitPromise: true };
      const { result, exceptionDetails } = (await send('script.evaluate', params)) as {
        readonly result?: { readonly value: string };
        readonly exceptionDetails?: { readonly text: string };
      };
      if (result === undefined) throw new Error(exceptionDetails?.text);
      return result.value;
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      child.kill();
      await once(child, 'exit');
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
