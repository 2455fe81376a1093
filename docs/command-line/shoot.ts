/**
 * Makes the output and the pictures of docs/command-line.md again: `node docs/command-line/shoot.ts`. A service that is
 * slow, fails and freezes is called for 35 s. Wants pngquant to make the pictures small.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { chromium } from 'playwright';

import { findChromium, root } from '../../test/support/lanes.ts';

/** 3 % of the responses are a 503, 1 % of the connections are reset, and at 20 s the whole process stops for 2 s. */
const service = `
  let count = 0;
  require('node:http').createServer((request, response) => {
    count += 1;
    if (count % 100 === 0) return request.socket.resetAndDestroy();
    response.statusCode = count % 33 === 0 ? 503 : 200;
    const latency = 8 * Math.exp(Math.abs(Math.sin(count * 7.3)) * 1.4) + (count % 150 === 0 ? 300 : 0);
    setTimeout(() => response.end('{"name":"Ada"}'), latency);
  }).listen(8080, '127.0.0.1', () => console.log('ready'));
  setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000), 20_000);
`;
const command =
  'load http://127.0.0.1:8080/users --rate 100 --peak 1.5 --compare --max-p99 500ms --max-errors 1% --report';

const folder = mkdtempSync(join(tmpdir(), 'kyoa-report-'));
const report = join(folder, 'report.html');
const server = spawn(process.execPath, ['--eval', service], { stdio: ['ignore', 'pipe', 'inherit'] });
try {
  await once(server.stdout, 'data');
  const main = join(root, 'adapters/cli/main.ts');
  const { stdout } = spawnSync(process.execPath, [main, ...command.split(' '), report], { encoding: 'utf8' });
  console.log(stdout);
  await shoot();
} finally {
  server.kill();
  rmSync(folder, { recursive: true });
}

async function shoot(): Promise<void> {
  const executablePath = findChromium();
  const browser = await chromium.launch({ ...(executablePath && { executablePath }), args: ['--no-sandbox'] });
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [name, width, height] of [
      ['desktop', 1_120, 1_000],
      ['phone', 375, 812],
    ] as const) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height } });
      await page.goto(pathToFileURL(report).href);
      const path = join(import.meta.dirname, `report-${name}-${colorScheme}.png`);
      await page.screenshot({ path });
      spawnSync('pngquant', ['--force', '--skip-if-larger', '--speed', '1', '--output', path, '64', path]);
    }
  }
  await browser.close();
}
