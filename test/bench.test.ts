/** A small round of each benchmark. The tests check the rows and the responses, and never a speed. */
import { describe, expect, test } from 'vitest';
import { exitsByItself } from './support/sockets.ts';

const smoke = (name: string): ReturnType<typeof exitsByItself> =>
  exitsByItself(`process.argv.push('--smoke'); await import('./bench/${name}.ts');`, { timeout: 60_000 });

/** The cells of each row of the table, by the first cell. */
function rowsOf(stdout: string): Map<string, string[]> {
  const rows = stdout.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| |'));
  return new Map(
    rows.map((line) => line.split('|').map((cell) => cell.trim())).map(([, name, ...cells]) => [name!, cells]),
  );
}

describe('bench/dedupe', { timeout: 70_000 }, () => {
  test('sends a burst upstream once, without a wrong response, and lists the peers that are not installed', async () => {
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
  test('counts few requests to a failing server behind the breaker, and every client recovers', async () => {
    const { code, stdout, stderr } = await smoke('outage');
    expect([code, stderr]).toEqual([0, '']);
    const rows = rowsOf(stdout);
    const standards = ['kyoa standard()', 'kyoa standard({ breaker: { cooldown: 1_000 } })'];
    expect([...rows.keys()]).toEqual(['plain fetch', 'kyoa retry()', ...standards]);
    const figures = (name: string): number[] => rows.get(name)!.slice(0, -1).map(Number);
    for (const name of rows.keys()) expect(figures(name)).not.toContain(NaN); // a client that has not recovered has "over 6"
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
  test('prints a row for each transport, without a wrong response, and without the peers', async () => {
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
      expect(cells.at(-2)).toBe('0'); // wrong responses
    }
  });
});

describe('bench/overhead', { timeout: 70_000 }, () => {
  test('prints a row for each installed client over a stubbed fetch, and for the closure by hand', async () => {
    const { code, stdout, stderr } = await smoke('overhead');
    expect([code, stderr]).toEqual([0, '']);
    const rows = rowsOf(stdout);
    for (const name of ['raw fetch', 'by hand, one closure', 'kyoa createFetch, standard()', 'kyoa', 'ky'])
      expect(Number(rows.get(name)![1]), name).toBeGreaterThan(0);
  });
});

describe('bench/throughput', { timeout: 70_000 }, () => {
  test('prints a row for the standard stack beside the closure by hand, without a wrong response', async () => {
    const { code, stdout, stderr } = await smoke('throughput');
    expect([code, stderr]).toEqual([0, '']);
    const rows = rowsOf(stdout);
    expect([...rows.keys()]).toEqual(
      expect.arrayContaining(['raw fetch', 'by hand, one closure', 'kyoa createFetch, standard()']),
    );
    expect(Number(rows.get('by hand, one closure')![3])).toBe(1);
    for (const cells of rows.values()) {
      expect(Number(cells[3])).toBeGreaterThan(0);
      expect(cells[5]).toBe('0'); // wrong responses
    }
  });
});

describe('bench/onion', { timeout: 70_000 }, () => {
  test('prints the cost of a layer', async () => {
    const { code, stdout, stderr } = await smoke('onion');
    expect([code, stderr]).toEqual([0, '']);
    expect([...rowsOf(stdout).keys()]).toContain('kyoa compose, a layer that returns next()');
  });
});

describe('bench/memory', { timeout: 70_000 }, () => {
  test('finds no listener of kyoa on a signal that outlives its calls', async () => {
    const { code, stdout, stderr } = await smoke('memory');
    expect([code, stderr]).toEqual([0, '']);
    const rows = rowsOf(stdout);
    expect([...rows.keys()]).toEqual(['kyoa createFetch, standard()', 'kyoa']);
    for (const cells of rows.values()) expect(cells.at(-2)).toBe('0');
  });
});

describe('bench/telemetry', { timeout: 70_000 }, () => {
  test('prints the cost of each stack against the stack without telemetry', async () => {
    const { code, stdout, stderr } = await smoke('telemetry');
    expect([code, stderr]).toEqual([0, '']);
    const rows = rowsOf(stdout);
    expect(rows.get('standard()')?.[1]).toBe('1.00');
    expect(Number(rows.get('with log + trace + metrics')?.[1])).toBeGreaterThan(0);
  });
});

describe('bench/engine', { timeout: 70_000 }, () => {
  test('removes one mechanism at a time, and each call is still served', async () => {
    const { code, stdout, stderr } = await smoke('engine');
    expect([code, stderr]).toEqual([0, '']);
    const rows = rowsOf(stdout);
    expect(rows.size).toBe(4);
    for (const cells of rows.values()) expect(Number(cells[4]!.replaceAll(',', ''))).toBeGreaterThan(0); // requests/s
  });
});

describe('bench/walk', { timeout: 70_000 }, () => {
  test('counts no more functions and files for one GET than it did before', async () => {
    const { code, stdout, stderr } = await exitsByItself(`await import('./bench/walk.ts');`, { timeout: 60_000 });
    expect([code, stderr]).toEqual([0, '']);
    const count = (what: string): number => Number(new RegExp(`${what}\\s+(\\d+)`).exec(stdout)![1]);
    expect(count('function calls')).toBeLessThanOrEqual(205);
    expect(count('files')).toBeLessThanOrEqual(31);
  });
});
