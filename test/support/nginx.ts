/** A real nginx for tests, on a free port. It serves the files of a folder of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { findNginx } from './lanes.ts';
import { freePort } from './redis.ts';

export interface Nginx extends AsyncDisposable {
  readonly port: number;
  /** What is served below `/`. */
  readonly folder: string;
}

/** `server` has further directives of the server block. */
export async function startNginx(server = ''): Promise<Nginx> {
  const command = findNginx();
  if (command === undefined) throw new Error('nginx is not installed: apt-get install nginx-light');
  const [port, home] = [await freePort(), mkdtempSync(join(tmpdir(), 'kyoa-nginx-'))];
  const folder = join(home, 'files');
  mkdirSync(folder);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    join(home, 'nginx.conf'),
    `daemon off; user root; pid ${home}/nginx.pid; error_log stderr crit; worker_processes 1;
events {}
http {
  access_log off; default_type application/octet-stream; sendfile on;
  ${temporary.map((name) => `${name}_temp_path ${home}/${name};`).join(' ')}
  server { listen 127.0.0.1:${port}; root ${folder}; ${server} }
}
`,
  );
  const child = spawn(command, ['-p', home, '-c', 'nginx.conf', '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exit = once(child, 'exit');
  let output = '';
  child.stderr.on('data', (text) => (output += String(text)));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exit;
    rmSync(home, { recursive: true, force: true });
  };
  for (let turn = 0; !(await accepts(port)); turn += 1) {
    if (child.exitCode !== null || turn > 500) {
      await stop();
      throw new Error(`nginx has not started: ${output}`);
    }
    await sleep(10);
  }
  return { port, folder, [Symbol.asyncDispose]: stop };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
