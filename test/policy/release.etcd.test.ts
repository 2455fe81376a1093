import { expect, test } from 'vitest';
import { exitsByItself } from '../support/sockets.ts';

test('a release by policy document, in a file and in etcd, loses no call', { timeout: 70_000 }, async () => {
  const proof = `process.argv.push('--smoke'); await import('./bench/proof-policy.ts');`;
  const { code, stdout, stderr } = await exitsByItself(proof, { timeout: 60_000 });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const place of ['file', 'etcd']) expect(stdout).toMatch(new RegExp(`\\| ${place}: back to blue \\|`));
});
