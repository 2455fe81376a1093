import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { file } from 'kyoa/policy/sources';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { turn, watched } from '../../support/policy/watched.ts';
import { countTimers, exitsByItself } from '../../support/sockets.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'kyoa-policy-'));
  path = join(folder, 'policy.json');
});
afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(folder, { recursive: true, force: true });
});

const never = 2 ** 30;
const at = (text: string) => (last: string) => last.endsWith(`Z: ${text}`);

describe('file', () => {
  test('reports the file, with its time as the version, each change of it, and its end', async () => {
    fs.writeFileSync(path, '{"a":1}');
    const date = new Date('2026-01-02T03:04:05Z');
    fs.utimesSync(path, date, date);
    await using watch = watched(file(path, { interval: never }));
    expect(await watch.until(() => true)).toBe('document 2026-01-02T03:04:05.000Z: {"a":1}');
    fs.writeFileSync(path, '{"a":2}');
    await watch.until(at('{"a":2}'));
    fs.rmSync(path);
    await watch.until((last) => last === 'absent');
    fs.writeFileSync(path, '{"a":3}');
    await watch.until(at('{"a":3}'));
    expect(watch.said.length).toBe(4);
  });

  test('reports that there is no file, and the file that comes', async () => {
    await using watch = watched(file(path, { interval: never }));
    await watch.until((last) => last === 'absent');
    fs.writeFileSync(path, '{}');
    await watch.until(at('{}'));
  });

  test('reports a file that replaces another, as editors do it', async () => {
    fs.writeFileSync(path, '{"a":1}');
    await using watch = watched(file(path, { interval: never }));
    await watch.until(at('{"a":1}'));
    fs.writeFileSync(`${path}.new`, '{"a":2}');
    fs.renameSync(`${path}.new`, path);
    await watch.until(at('{"a":2}'));
    // vim moves the old one away first
    fs.renameSync(path, `${path}~`);
    fs.writeFileSync(path, '{"a":3}');
    await watch.until(at('{"a":3}'));
    expect(watch.said.length).toBe(3);
  });

  test('follows the links of a ConfigMap of Kubernetes', async () => {
    const swap = (version: string, text: string): void => {
      fs.mkdirSync(join(folder, `..${version}`));
      fs.writeFileSync(join(folder, `..${version}`, 'policy.json'), text);
      fs.symlinkSync(`..${version}`, join(folder, '..data_tmp'));
      fs.renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    swap('2026_01', '{"a":1}');
    fs.symlinkSync('..data/policy.json', path);
    await using watch = watched(file(path, { interval: never }));
    await watch.until(at('{"a":1}'));
    swap('2026_02', '{"a":2}');
    await watch.until(at('{"a":2}'));
    fs.rmSync(join(folder, '..2026_01'), { recursive: true });
    swap('2026_03', '{"a":3}');
    await watch.until(at('{"a":3}'));
    expect(watch.said.length).toBe(3);
  });

  test('does not report a text that is still being written', async () => {
    await using watch = watched(file(path, { interval: never }));
    await watch.until((last) => last === 'absent');
    const half = '{"use":[';
    const read = vi.spyOn(fs.promises, 'readFile');
    const writer = fs.openSync(path, 'w');
    const ended = performance.now() + 400;
    // Every write is closer to the next than the time for which the file must be at rest.
    while (performance.now() < ended) {
      fs.writeSync(writer, half);
      await turn();
    }
    fs.ftruncateSync(writer, 0);
    fs.writeSync(writer, '{}', 0);
    fs.closeSync(writer);
    await watch.until(at('{}'));
    expect(watch.said.length).toBe(2);
    expect(read.mock.calls.length).toBeLessThan(4);
  });

  test('reads a text again that has changed while it was read', async () => {
    fs.writeFileSync(path, '{"a":1}');
    const old = new Date(Date.now() - 60_000);
    fs.utimesSync(path, old, old);
    const { readFile } = fs.promises;
    vi.spyOn(fs.promises, 'readFile').mockImplementationOnce(async (...args) => {
      const text = await readFile(...args);
      fs.writeFileSync(path, '{"a":2}');
      return text;
    });
    await using watch = watched(file(path, { interval: never }));
    await watch.until(at('{"a":2}'));
    expect(watch.said.length).toBe(1);
  });

  test('does not report a text again that was written again', async () => {
    fs.writeFileSync(path, '{"a":1}');
    await using watch = watched(file(path, { interval: never }));
    await watch.until(at('{"a":1}'));
    fs.writeFileSync(path, '{"a":1}');
    const read = vi.spyOn(fs.promises, 'readFile');
    await vi.waitFor(() => expect(read).toHaveBeenCalled());
    fs.writeFileSync(path, '{"a":2}');
    await watch.until(at('{"a":2}'));
    expect(watch.said.length).toBe(2);
  });

  test.each([
    [
      'the file system reports no changes',
      () => vi.spyOn(fs, 'watch').mockImplementation(() => ({ on() {}, close() {} }) as never),
    ],
    [
      'no folder can be watched',
      () =>
        vi.spyOn(fs, 'watch').mockImplementation(() => {
          throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
        }),
    ],
  ])('looks at the file every interval where %s', async (_, prepare) => {
    prepare();
    fs.writeFileSync(path, '{"a":1}');
    await using watch = watched(file(path, { interval: 20 }));
    await watch.until(at('{"a":1}'));
    fs.writeFileSync(path, '{"a":2}');
    await watch.until(at('{"a":2}'));
  });

  test('sees a change that has kept size and time, as the steps of the clock of a file system are long', async () => {
    vi.spyOn(fs, 'watch').mockImplementation(() => ({ on() {}, close() {} }) as never);
    fs.writeFileSync(path, '{"a":1}');
    const { stat } = fs.promises;
    const before = await stat(path, { bigint: true });
    vi.spyOn(fs.promises, 'stat').mockImplementation(async () => before);
    await using watch = watched(file(path, { interval: 20 }));
    await watch.until(at('{"a":1}'));
    fs.writeFileSync(path, '{"a":2}');
    await watch.until(at('{"a":2}'));
  });

  test('watches a folder that comes later, and one that replaces another', async () => {
    const inner = join(folder, 'config');
    path = join(inner, 'policy.json');
    await using watch = watched(file(path, { interval: 20 }));
    await watch.until((last) => last === 'absent');
    fs.mkdirSync(inner);
    fs.writeFileSync(path, '{"a":1}');
    await watch.until(at('{"a":1}'));
    fs.renameSync(inner, `${inner}-old`);
    fs.mkdirSync(inner);
    fs.writeFileSync(path, '{"a":2}');
    await watch.until(at('{"a":2}'));
  });

  test('passes 10 MB on, and a byte order mark, as they are', async () => {
    const long = `\uFEFF${' '.repeat(10_000_000)}{}`;
    fs.writeFileSync(path, long);
    await using watch = watched(file(path));
    await watch.until(() => true);
    expect(watch.texts).toEqual([long]);
  });

  test.each([
    ['a folder', () => fs.mkdirSync(path), 'this is not a file'],
    ['a pipe', () => execFileSync('mkfifo', [path]), 'this is not a file'],
    [
      'a text that is too long',
      () => fs.writeFileSync(path, Buffer.alloc(2 ** 24 + 1)),
      'the document has more than 16777216 bytes',
    ],
    [
      'a text that is not UTF-8',
      () => fs.writeFileSync(path, Buffer.from('ä', 'latin1')),
      'the document is not UTF-8; save it as UTF-8',
    ],
  ])('fails with %s, and reports the document that replaces it', async (_, make, message) => {
    make();
    await using watch = watched(file(path, { interval: 20 }));
    expect(await watch.until(() => true)).toBe(`failed: file ${path}: ${message}`);
    fs.rmSync(path, { recursive: true });
    fs.writeFileSync(path, '{}');
    await watch.until(at('{}'));
  });

  test('reports a file that cannot be read, and the file when it can again, unchanged', async () => {
    fs.writeFileSync(path, '{}');
    await using watch = watched(file(path, { interval: 20 }));
    await watch.until(at('{}'));
    const refusal = vi.spyOn(fs.promises, 'stat').mockRejectedValue(new Error('EACCES: permission denied'));
    expect(await watch.next()).toBe(`failed: file ${path}: EACCES: permission denied`);
    refusal.mockRestore();
    await watch.until(at('{}'));
  });

  test.each([
    ['at once', async () => {}],
    ['after its first report', (watch: ReturnType<typeof watched>) => watch.until(() => true)],
  ])('closes its watcher and its timer when its watch ends %s', async (_, moment) => {
    fs.writeFileSync(path, '{}');
    using timers = countTimers();
    const opened = vi.spyOn(fs, 'watch');
    const watch = watched(file(path));
    await moment(watch);
    const { length } = watch.said;
    watch.stop();
    await vi.waitFor(() => expect(timers.open()).toBe(0));
    await vi.waitFor(() => expect(handles()).toBe(0));
    fs.writeFileSync(path, '{"a":2}');
    await turn();
    expect(watch.said.length).toBe(length);
    expect(opened.mock.calls.length).toBeLessThanOrEqual(1);
  });

  test('keeps no process alive', async () => {
    fs.writeFileSync(path, '{}');
    const { code, stdout, stderr } = await exitsByItself(`
      import { file } from './adapters/policy/sources.ts';
      const sink = { document: (text) => console.log(text), absent() {}, failed: console.error };
      file(${JSON.stringify(path)}).watch(sink, new AbortController().signal);
      await new Promise((resolve) => setTimeout(resolve, 300));
    `);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '{}\n', stderr: '' });
  });

  test('stays at the path of now when the working directory changes', () => {
    const cwd = vi.spyOn(process, 'cwd').mockReturnValue(folder);
    fs.writeFileSync(path, '{}');
    const it = file('policy.json');
    cwd.mockReturnValue('/');
    const watch = watched(it);
    return watch.until(at('{}')).then(() => watch.stop());
  });

  test('says what to use where there is no file system', () => {
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined);
    expect(() => file('policy.json')).toThrow('file() needs the file system of Node, Deno or Bun; elsewhere use url()');
  });

  test.each([
    [() => file(''), 'file path must be the path of a file, got ""'],
    [() => file('a', { interval: 0 }), 'file interval must be a number of milliseconds above 0, got 0'],
    [() => file('a', { intervall: 1 } as never), 'file has no option intervall; it has interval'],
  ])('refuses a bad option', (make, message) => {
    expect(make).toThrow(message);
  });
});

/** The watchers of folders in this process. */
function handles(): number {
  const { libuv } = process.report.getReport() as {
    libuv: readonly { readonly type: string; readonly filename?: string }[];
  };
  return libuv.filter(({ type, filename }) => type === 'fs_event' && filename === folder).length;
}
