/**
 * `npm run test:runtimes` runs `support/runtime-check.ts` with the built package on Node 22, 24 and 26. Each Node is
 * installed from its npm package into a cache folder outside the repository.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { root } from './support/lanes.ts';

const majors = [22, 24, 26];
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'kyoa-runtimes');

if (!existsSync(join(root, 'dist'))) execFileSync('npm', ['run', 'build'], { cwd: root, stdio: 'inherit' });
for (const major of majors) {
  const node = binaryOf(major);
  const started = performance.now();
  const { status } = spawnSync(node, [join(root, 'test/support/runtime-check.ts')], {
    cwd: root,
    stdio: 'inherit',
    timeout: 60_000,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'}  Node ${major}, ${seconds} s`);
  if (status !== 0) process.exitCode = 1;
}

/** The binary of this Node, which is installed if it is missing. */
function binaryOf(major: number): string {
  const folder = join(cache, String(major));
  const binary = join(folder, 'node_modules/node/bin/node');
  if (existsSync(binary)) return binary;
  console.log(`Installing Node ${major} into ${folder}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "allowScripts": { "node": true } }');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', `node@${major}`], { cwd: folder, stdio: 'inherit' });
  return binary;
}
