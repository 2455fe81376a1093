/** The alert rules and the dashboard of docs/operations, on a real Prometheus. */
import { expect, test } from 'vitest';
import { exitsByItself } from './support/sockets.ts';

test(
  'each alert fires under its fault and clears, and no panel of the dashboard is empty',
  { timeout: 70_000 },
  async () => {
    const run = `process.argv.push('--smoke'); await import('./bench/proof-alerts.ts');`;
    const { code, stdout, stderr } = await exitsByItself(run, { timeout: 60_000 });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/SUCCESS: 7 rules found/);
    expect(stdout.match(/fired after/g)).toHaveLength(9);
  },
);
