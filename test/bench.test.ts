/** The benchmarks run, and what they say of kyoa holds: a small round of each, without a clock in the verdict. */
import { describe, expect, test } from 'vitest';
import { exitsByItself } from './support/sockets.ts';

const smoke = (name: string): ReturnType<typeof exitsByItself> =>
  exitsByItself(`process.argv.push('--smoke'); await import('./bench/${name}.ts');`, { timeout: 60_000 });

/** The cells of each row, by its first one. */
function rowsOf(stdout: string): Map<string, string[]> {
  const rows = stdout.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| |'));
  return new Map(
    rows.map((line) => line.split('|').map((cell) => cell.trim())).map(([, name, ...cells]) => [name!, cells]),
  );
}

describe('bench/dedupe', { timeout: 70_000 }, () => {
  test('sends a burst upstream once, answers it rightly, and leaves out the peers that are not installed', async () => {
    const { code, stdout, stderr } = await smoke('dedupe');
    expect([code, stderr]).toEqual([0, '']);
    const rows = rowsOf(stdout);
    const requestsAndWrong = (name: string): string[] => rows.get(name)!.slice(4, 6);
    expect(requestsAndWrong('plain fetch')).toEqual(['100', '0']);
    for (const name of ['kyoa dedupe()', 'kyoa standard()']) expect(requestsAndWrong(name)).toEqual(['1', '0']);
    for (const name of ['undici request + deduplicate', 'undici fetch + deduplicate', 'wretch dedupe()']) {
      const leftOut = stdout.split('\n').filter((line) => line.startsWith('Left out:') && line.includes(name));
      if (rows.has(name)) expect([leftOut, ...requestsAndWrong(name)]).toEqual([[], '1', '0']);
      else expect(leftOut).toEqual([expect.stringMatching(/npm install --prefix bench$/)]);
    }
  });
});

describe('bench/outage', { timeout: 70_000 }, () => {
  test('spares a server that fails all but a few requests behind the breaker, and every client recovers', async () => {
    const { code, stdout, stderr } = await smoke('outage');
    expect([code, stderr]).toEqual([0, '']);
    const rows = rowsOf(stdout);
    const standards = ['kyoa standard()', 'kyoa standard({ breaker: { cooldown: 1_000 } })'];
    expect([...rows.keys()]).toEqual(['plain fetch', 'kyoa retry()', ...standards]);
    const figures = (name: string): number[] => rows.get(name)!.slice(0, -1).map(Number);
    for (const name of rows.keys()) expect(figures(name)).not.toContain(NaN); // "over 6" is none
    const [plain] = figures('plain fetch');
    expect(figures('kyoa retry()')[0]).toBeGreaterThan(plain!);
    for (const name of standards) {
      const [whole, end] = figures(name);
      expect(whole).toBeLessThan(plain! / 2);
      expect(end).toBeLessThan(0.1);
    }
  });
});

describe('bench/transport', { timeout: 70_000 }, () => {
  test('answers every request rightly, and leaves out the peers', async () => {
    const { code, stdout, stderr } = await smoke('transport');
    expect([code, stderr]).toEqual([0, '']);
    const rows = rowsOf(stdout);
    expect([...rows.keys()]).toEqual([
      'global fetch',
      'kyoa undici()',
      'createFetch on undici()',
      'standard() on undici()',
      'kyoa.get on undici()',
      'standard() on the global fetch',
    ]);
    for (const cells of rows.values()) {
      expect(Number(cells[0]!.replace(',', ''))).toBeGreaterThan(0);
      expect(cells.at(-2)).toBe('0'); // wrong answers
    }
  });
});

describe('bench/overhead', { timeout: 70_000 }, () => {
  test('measures everybody who is installed over a stubbed fetch, and the closure by hand beside', async () => {
    const { code, stdout, stderr } = await smoke('overhead');
    expect([code, stderr]).toEqual([0, '']);
    const rows = rowsOf(stdout);
    for (const name of ['raw fetch', 'by hand, one closure', 'kyoa createFetch, standard()', 'kyoa', 'ky'])
      expect(Number(rows.get(name)![1]), name).toBeGreaterThan(0);
  });
});

describe('bench/throughput', { timeout: 70_000 }, () => {
  test('has the standard stack at no less than half of the requests of the closure by hand', async () => {
    const { code, stdout, stderr } = await smoke('throughput');
    expect([code, stderr]).toEqual([0, '']);
    const rows = rowsOf(stdout);
    expect(Number(rows.get('by hand, one closure')![3])).toBe(1);
    expect(Number(rows.get('kyoa createFetch, standard()')![3])).toBeGreaterThan(0.5);
    for (const cells of rows.values()) expect(cells[5]).toBe('0'); // wrong
  });
});

describe('bench/onion', { timeout: 70_000 }, () => {
  test('prints what a layer costs', async () => {
    const { code, stdout, stderr } = await smoke('onion');
    expect([code, stderr]).toEqual([0, '']);
    expect([...rowsOf(stdout).keys()]).toContain('kyoa compose, a layer that returns next()');
  });
});

describe('bench/memory', { timeout: 70_000 }, () => {
  test('finds no listener of kyoa’s on a signal that outlives its calls', async () => {
    const { code, stdout, stderr } = await smoke('memory');
    expect([code, stderr]).toEqual([0, '']);
    const rows = rowsOf(stdout);
    expect([...rows.keys()]).toEqual(['kyoa createFetch, standard()', 'kyoa']);
    for (const cells of rows.values()) expect(cells.at(-2)).toBe('0');
  });
});

describe('bench/telemetry', { timeout: 70_000 }, () => {
  test('measures every stack against the one that nobody watches', async () => {
    const { code, stdout, stderr } = await smoke('telemetry');
    expect([code, stderr]).toEqual([0, '']);
    const rows = rowsOf(stdout);
    expect(rows.get('standard()')?.[1]).toBe('1.00');
    expect(Number(rows.get('with log + trace + metrics')?.[1])).toBeGreaterThan(0);
  });
});
