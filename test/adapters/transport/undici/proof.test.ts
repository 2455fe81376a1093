/** A short run of `npm run proof:transport`. */
import { expect, test } from 'vitest';
import { exitsByItself } from '../../../support/sockets.ts';

test.for<[string, string[]]>([
  ['HTTP/1.1', []],
  ['HTTP/2', ['--http2']],
])(
  '2,000 calls over %s, most of them aborted, leave no socket, listener, timer or heap',
  { timeout: 40_000 },
  async ([, options]) => {
    const args = JSON.stringify(['--calls=2000', ...options]);
    const code = `process.argv.push(...${args}); await import('./bench/proof-transport.ts');`;
    const { code: exit, stdout, stderr } = await exitsByItself(code, { timeout: 35_000 });
    expect([exit, stderr]).toEqual([0, '']);
    expect(stdout).toContain('left: 0');
    expect(stdout).toMatch(/answered: \d{3}/);
  },
);
