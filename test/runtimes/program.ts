/** The checks inside Node, Deno and Bun. `process.ts` starts this file there, and reads one line of JSON per check. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createFetch, standard, type Storage } from 'kyoa';

import { recorded, type Outcome } from './outcomes.ts';
import { smoke } from './smoke.ts';

const { origin, without } = JSON.parse(process.argv[2]!) as { origin: string; without: string[] };
const folder = mkdtempSync(join(tmpdir(), 'kyoa-runtime-'));
const write = (outcome: Outcome): void => console.log(JSON.stringify(outcome));

const check = recorded(write);
try {
  await smoke(check, {
    origin,
    without,
    ...(!without.includes('storage: `kyoa/file`') && { file: await fileIn(join(folder, 'store.db')) }),
    ...(!without.includes('transport: `kyoa/undici`') && { undici: checkUndici }),
  });
  if ('Bun' in globalThis) {
    await check('`undici()` names what it lacks', async () => {
      const { undici } = await import('kyoa/undici');
      assert.throws(() => undici(), /^KyoaError: undici\(\) needs the package undici, which Bun replaces/);
    });
  }
} finally {
  rmSync(folder, { recursive: true });
}

async function fileIn(path: string): Promise<() => Storage> {
  const { file } = await import('kyoa/file');
  return () => file(path);
}

/** The transport exchanges, decodes, follows, gives up and closes. */
async function checkUndici(): Promise<void> {
  const { undici } = await import('kyoa/undici');
  const fetch = undici();
  const impatient = undici({ headers: 50 });
  try {
    const post = (body: BodyInit): Promise<Response> => fetch(`${origin}/echo`, { method: 'POST', body });
    const response = await post('grüße');
    assert(response instanceof Response);
    assert.equal(await response.clone().text(), 'grüße');
    assert.deepEqual(await response.bytes(), new TextEncoder().encode('grüße'));
    assert.equal((await (await post('x'.repeat(1_000_000))).arrayBuffer()).byteLength, 1_000_000);
    assert.equal(await (await fetch(`${origin}/gzip`)).text(), 'decoded');
    assert.equal((await fetch(`${origin}/redirect`)).redirected, true);
    await assert.rejects(async () => (await fetch(`${origin}/truncated`)).text(), { message: 'terminated' });
    await assert.rejects(impatient(`${origin}/silent`), { name: 'TimeoutError', phase: 'headers' });
    const reason = new Error('enough');
    await assert.rejects(fetch(`${origin}/silent`, { signal: AbortSignal.abort(reason) }), reason);
    const unsteady = await createFetch({ use: standard(), fetch })(`${origin}/unsteady?id=undici-${process.pid}`);
    assert.deepEqual(await unsteady.json(), { requests: 2 });
  } finally {
    for (const transport of [fetch, impatient]) await transport[Symbol.asyncDispose](); // Node 22 has no `await using`
  }
}
