/** A small round of each benchmark. The tests check the rows and the responses, and never a speed. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { shapeNames } from '../bench/lib/shapes.ts';
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

/** The figures of each table that has a title, by row and column. */
function tablesOf(stdout: string): Map<string, Map<string, Record<string, string>>> {
  const tables = new Map<string, Map<string, Record<string, string>>>();
  for (const [, title, head, rows] of stdout.matchAll(/^\| ([^|]+) \| (.*) \|\n\|---.*\n((?:\|.*\n)+)/gm)) {
    const cells = Array.from(rowsOf(rows!), ([name, cells]) => {
      return [name, Object.fromEntries(head!.split(' | ').map((column, index) => [column, cells[index]!]))] as const;
    });
    tables.set(title!, new Map(cells));
  }
  return tables;
}

/** Every figure is there and is positive. */
function expectFigures(rows: Map<string, Record<string, string>> | undefined, columns: readonly string[]): void {
  for (const [name, figures] of rows!) {
    expect(Object.keys(figures), name).toEqual(columns);
    for (const [shape, figure] of Object.entries(figures)) {
      if (`${name}: ${shape}` === 'undici.request: Request given') expect(figure).toBe('-');
      else expect(Number(figure.replaceAll(',', '')), `${name}: ${shape}`).toBeGreaterThan(0);
    }
  }
}

test('bench/auth renews a token once for calls that meet a 401 together', { timeout: 70_000 }, async () => {
  const { code, stdout, stderr } = await smoke('auth');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('| kyoa auth() | 1, 0 lost | 1, 0 lost | 1, 0 lost | 2 | 0 |');
});

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
  test('measures each transport in each shape of a call, without a wrong response', async () => {
    const { code, stdout, stderr } = await smoke('transport');
    expect([code, stderr]).toEqual([0, '']);
    const tables = tablesOf(stdout);
    expect([...tables.get('requests/s, over global fetch')!.keys()]).toEqual([
      'global fetch',
      'kyoa undici()',
      'createFetch on undici()',
      'standard() on undici()',
      'kyoa on undici()',
      'standard() on the global fetch',
      'undici.request',
    ]);
    for (const rows of tables.values()) expectFigures(rows, shapeNames);
    expect(stdout).toContain('\nWrong responses: none\n');
  });
});

describe('bench/overhead', { timeout: 70_000 }, () => {
  test('measures the main clients over a stubbed fetch in each shape, beside the closure by hand', async () => {
    const { code, stdout, stderr } = await smoke('overhead');
    expect([code, stderr]).toEqual([0, '']);
    const tables = tablesOf(stdout);
    expect([...tables.get('total, us')!.keys()]).toEqual(
      expect.arrayContaining(['raw fetch', 'by hand, one closure', 'kyoa createFetch, standard()', 'kyoa', 'ky']),
    );
    expectFigures(tables.get('total, us'), shapeNames);
    expect(stdout).toContain('\nWrong responses: none\n');
  });
});

describe('bench/throughput', { timeout: 70_000 }, () => {
  test('measures the standard stack in each shape beside the closure by hand, without a wrong response', async () => {
    const { code, stdout, stderr } = await smoke('throughput');
    expect([code, stderr]).toEqual([0, '']);
    const tables = tablesOf(stdout);
    const overClosure = tables.get('requests/s, over by hand, one closure')!;
    expect([...overClosure.keys()]).toEqual(
      expect.arrayContaining(['raw fetch', 'by hand, one closure', 'kyoa createFetch, standard()']),
    );
    expect(new Set(Object.values(overClosure.get('by hand, one closure')!))).toEqual(new Set(['1.00']));
    for (const rows of tables.values()) expectFigures(rows, shapeNames);
    expect(stdout).toContain('\nWrong responses: none\n');
  });

  test('names the shapes that exist if one is named that does not', async () => {
    const { code, stderr } = await exitsByItself(
      `process.argv.push('--shapes=GET,PUT'); await import('./bench/throughput.ts');`,
    );
    expect(code).toBe(1);
    expect(stderr).toContain(`--shapes: no shape "PUT". There are: ${shapeNames.join(', ')}`);
  });
});

describe('bench/cold', { timeout: 70_000 }, () => {
  test('measures the first calls of a process over loopback and over a stub, without a wrong response', async () => {
    const { code, stdout, stderr } = await smoke('cold');
    expect([code, stderr]).toEqual([0, '']);
    const tables = tablesOf(stdout);
    for (const title of ['over loopback, ms', 'over a stub, ms']) {
      expectFigures(tables.get(title), ['GET', 'POST of JSON']);
      expect(tables.get(`${title}, over by hand, one closure`)!.get('kyoa createFetch, standard()')).toBeDefined();
    }
    expect(stdout.match(/^Wrong responses: .*/gm)).toEqual(['Wrong responses: none', 'Wrong responses: none']);
  });
});

describe('bench/lib/json-server', { timeout: 20_000 }, () => {
  test('responds once to each request: in parts, pipelined, and with a body of either kind', async () => {
    const server = fork(new URL('../bench/lib/json-server.ts', import.meta.url), { execArgv: [] });
    const [origin] = (await once(server, 'message')) as [string];
    const socket = connect(Number(new URL(origin).port), '127.0.0.1');
    const received = text(socket);
    const write = (bytes: string): Promise<void> => new Promise((resolve) => socket.write(bytes, () => resolve()));
    await write('GET /items/1 HTTP/1.1\r\nhost: x\r\n');
    await write('\r\nGET /stream/1 HTTP/1.1\r\n\r\nPOST /items/1 HTTP/1.1\r\nContent-Length: 9\r\n\r\n\r\n\r\nGET');
    await write(' /POST /items/1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n0\r');
    await write('\n\r\n');
    socket.end();
    const responses = (await received).split(/(?=HTTP\/1\.1 200 OK\r\n)/);
    expect(responses.map((response) => /[{"]ok"/.test(response))).toEqual([true, false, true, true]);
    expect(responses[1]!.length).toBeGreaterThan(65_536);
    server.disconnect();
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
    const tables = tablesOf(stdout);
    expect(tables.get('requests/s')!.size).toBe(4);
    expectFigures(tables.get('requests/s'), ['GET', 'POST of JSON']);
    expect(stdout).toContain('\nWrong responses: none\n');
  });
});

describe('bench/walk', { timeout: 70_000 }, () => {
  test('counts no more functions and files for one GET than it did before', async () => {
    const { code, stdout, stderr } = await exitsByItself(`await import('./bench/walk.ts');`, { timeout: 60_000 });
    expect([code, stderr]).toEqual([0, '']);
    const count = (what: string): number => Number(new RegExp(`${what}\\s+(\\d+)`).exec(stdout)![1]);
    expect(count('function calls')).toBeLessThanOrEqual(159);
    expect(count('files')).toBeLessThanOrEqual(33);
  });
});

describe('bench/proof-soak', { timeout: 70_000 }, () => {
  test('leaves nothing after two short rounds', async () => {
    const { code, stdout, stderr } = await exitsByItself(
      `process.argv.push('--minutes=0.05', '--rounds=2'); await import('./bench/proof-soak.ts');`,
      { timeout: 60_000 },
    );
    expect([code, stderr]).toEqual([0, '']);
    expect([...rowsOf(stdout).keys()]).toEqual(['round', '1', '2']);
  });
});
