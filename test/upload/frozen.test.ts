/** A process that uploads and is frozen, as a laptop that sleeps: its connections are gone when it wakes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { expect, test } from 'vitest';

import { fileBytes } from '../../bench/lib/upload-file.ts';
import { root } from '../support/lanes.ts';
import { until } from '../support/origin.ts';
import { uploadServer } from '../support/uploads/server.ts';

test.each(['tus', 'draft'] as const)(
  '%s: an upload goes on after its process was frozen',
  async (protocol) => {
    await using server = await uploadServer({ protocol });
    const folder = await mkdtemp(join(tmpdir(), 'kyoa-upload-'));
    const film = fileBytes(5_000_000, 1);
    await writeFile(join(folder, 'film'), film);
    server.trouble({ method: 'PATCH', isSilent: true });
    const script = join(root, 'bench/proof-upload-client.ts');
    const args = [script, 'kyoa', server.url, join(folder, 'film'), join(folder, 'state')];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const output = text(child.stdout);
    await until(() => server.seen.some(({ method }) => method === 'PATCH'));
    child.kill('SIGSTOP');
    server.disconnect();
    child.kill('SIGCONT');
    await once(child, 'close');
    const url = (await output).trim();
    expect(Buffer.from(film).equals(await server.bytesOf(url))).toBe(true);
    expect(server.log.slice(2, 4)).toEqual(['PATCH cut', protocol === 'tus' ? 'HEAD 200' : 'HEAD 204']);
    await rm(folder, { recursive: true });
  },
  30_000,
);
