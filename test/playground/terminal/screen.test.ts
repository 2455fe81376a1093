import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openScreen } from '../../../playground/terminal/screen.ts';
import type { Output } from '../../../playground/terminal/screen.ts';

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubEnv('TERM', 'xterm');
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

const view = { frame: () => ['one', 'two'], line: () => 'glance' };

describe('the screen', () => {
  test('redraws in place on a terminal, and leaves the last frame', () => {
    const out = terminal({ isTTY: true, columns: 100 });
    const screen = openScreen(out, view, 96);
    vi.advanceTimersByTime(100);
    screen.close();
    const frame = 'one\x1b[K\ntwo\x1b[K\n';
    expect(out.written).toEqual([frame, `\x1b[2A${frame}`, `\x1b[2A${frame}`]);
  });

  test.each([
    ['an output that is no terminal', { isTTY: false, columns: 100 }, 'xterm'],
    ['a terminal too narrow', { isTTY: true, columns: 95 }, 'xterm'],
    ['a dumb terminal', { isTTY: true, columns: 100 }, 'dumb'],
  ])('writes one line a second on %s, and the frame at the end', (_name, kind, term) => {
    vi.stubEnv('TERM', term);
    const out = terminal(kind);
    const screen = openScreen(out, view, 96);
    vi.advanceTimersByTime(2_000);
    screen.close();
    expect(out.written.join('')).toBe('glance\nglance\n\none\ntwo\n');
  });

  test.each([true, false])('writes nothing once it is closed (terminal: %s)', (isTTY) => {
    const out = terminal({ isTTY, columns: 100 });
    openScreen(out, view, 96).close();
    const { length } = out.written;
    vi.advanceTimersByTime(5_000);
    expect(out.written).toHaveLength(length);
    expect(vi.getTimerCount()).toBe(0);
  });
});

function terminal(kind: { isTTY: boolean; columns: number }): Output & { written: string[] } {
  const written: string[] = [];
  return { ...kind, written, write: (text) => void written.push(text) };
}
