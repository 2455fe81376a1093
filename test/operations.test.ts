/** The alert rules and the dashboard of docs/operations, on a real Prometheus. */
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { root } from './support/lanes.ts';
import { promtool } from './support/prometheus.ts';
import { exitsByItself } from './support/sockets.ts';

test(
  'each alert fires under its fault and clears, and no panel of the dashboard is empty',
  { timeout: 70_000 },
  async () => {
    const run = `process.argv.push('--smoke'); await import('./bench/proof-alerts.ts');`;
    const { code, stdout, stderr } = await exitsByItself(run, { timeout: 60_000 });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.match(/SUCCESS: \d+ rules/g)).toEqual(['SUCCESS: 7 rules', 'SUCCESS: 5 rules']);
    expect(stdout.match(/fired after/g)).toHaveLength(13);
  },
);

test('the alerts of the process fire beyond their thresholds and not before', () => {
  expect(promtool(['test', 'rules', join(root, 'test/operations/node-alerts.yml')])).toContain('SUCCESS');
});
