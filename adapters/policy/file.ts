/** A policy document in a file, watched. */
import type * as FileSystem from 'node:fs';
import type * as Paths from 'node:path';

import { afterUnref } from '../../src/core/engine/timers.ts';
import { KyoaError } from '../../src/core/errors.ts';
import { duration, invalid, knownKeys } from '../../src/core/options.ts';
import type { PolicySource } from '../../src/policy/source.ts';
import { reporting, type Report } from './polling.ts';
import { longestText, utf8 } from './http-client.ts';

/**
 * The options of `file()` of `kyoa/policy/sources`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md#a-file
 */
export interface PolicyFileOptions {
  /** How often the file is looked at where the file system does not report changes, ms. @default 5_000 */
  readonly interval?: number | undefined;
}

/** A file that changed less than this ago may be half written: it is read when it has not changed for as long, ms. */
const settling = 50;

/** The times of some file systems have a step of 2 s, within which a change may not show, ms. */
const timeStep = 2_000;

/**
 * The policy document in a file, which need not exist yet. Its folder is watched, so that a change is in force within a tenth of
 * a second, also where the file is replaced, or is a link that is replaced, as in a ConfigMap of Kubernetes. Where the file system
 * reports no changes, as on network drives, the file is looked at every `interval`. It is read when it has not changed for 50 ms.
 * It keeps no process alive. Needs Node, Deno or Bun.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import { policy } from 'kyoa/policy';
 * import { file } from 'kyoa/policy/sources';
 *
 * const live = policy([file('policy.json')]);
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md#a-file
 */
export function file(path: string, options: PolicyFileOptions = {}): PolicySource {
  if (typeof path !== 'string' || path === '') throw invalid('file path', path, 'the path of a file');
  const { interval = 5_000 } = knownKeys('file', options, ['interval']);
  duration('file interval', interval);
  // Not an import: the other sources of the package run where these modules are not.
  const fs = globalThis.process?.getBuiltinModule?.('node:fs') as typeof FileSystem | undefined;
  const paths = globalThis.process?.getBuiltinModule?.('node:path') as typeof Paths | undefined;
  if (!fs || !paths)
    throw new KyoaError('INVALID_OPTION', 'file() needs the file system of Node, Deno or Bun; elsewhere use url()');

  const location = paths.resolve(path); // relative to the working directory of now
  const folder = paths.dirname(location);
  return {
    name: `file ${path}`,
    watch(sink, signal) {
      const report = reporting(`file ${path}`, sink, signal);
      const look = lookAt(fs, location);
      void follow(report, look, new FolderWatcher(fs, folder, signal), signal);
    },
  };

  async function follow(
    report: Report,
    look: () => Promise<Found>,
    watcher: FolderWatcher,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      await watcher.begin();
      let rest = interval;
      try {
        const found = await look();
        if (found === 'settling') rest = settling;
        else if (found === 'same') report.unchanged();
        else if (found === 'absent') report.absent();
        else report.document(found.text, found.version);
      } catch (error) {
        report.failed(error);
      }
      await watcher.rest(rest);
    }
    watcher.end();
  }
}

type Found = { readonly text: string; readonly version: string } | 'absent' | 'same' | 'settling';

/** Looks at the file once, and reads it if it has changed and is at rest. */
function lookAt({ promises: fs }: typeof FileSystem, path: string): () => Promise<Found> {
  let known: string | undefined;
  let seen: string | undefined;

  return async () => {
    const stats = await statOf(fs, path);
    const print = printOf(stats);
    if (print === known) return 'same';
    const age = stats === undefined ? 0 : Math.abs(Date.now() - Number(stats.mtimeMs));
    const isFirst = seen === undefined;
    const isAtRest = print === seen || (stats === undefined ? isFirst : age > settling);
    seen = print;
    if (!isAtRest) return 'settling';
    if (stats === undefined) {
      known = print;
      return 'absent';
    }
    if (!stats.isFile()) throw new Error('this is not a file');
    if (stats.size > longestText) throw new Error(`the document has more than ${longestText} bytes`);
    const bytes = await fs.readFile(path);
    seen = printOf(await statOf(fs, path));
    if (seen !== print) return 'settling';
    if (age > timeStep) known = print;
    return { text: utf8(bytes), version: stats.mtime.toISOString() };
  };
}

async function statOf(fs: typeof FileSystem.promises, path: string): Promise<FileSystem.BigIntStats | undefined> {
  try {
    return await fs.stat(path, { bigint: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The time of the inode differs where a change has kept the size and the time of the file. */
function printOf(stats: FileSystem.BigIntStats | undefined): string {
  return stats === undefined ? 'none' : [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(' ');
}

/** Ends a rest when something changes in the folder. */
class FolderWatcher {
  readonly #fs: typeof FileSystem;
  readonly #folder: string;
  readonly #signal: AbortSignal;
  #watcher: FileSystem.FSWatcher | undefined;
  #watched: string | undefined;
  #changed = false;
  #wake = (): void => {};

  constructor(fs: typeof FileSystem, folder: string, signal: AbortSignal) {
    this.#fs = fs;
    this.#folder = folder;
    this.#signal = signal;
  }

  /** Watches the folder that is at the path now. Without a folder, or where none can be watched, rests end by their time. */
  async begin(): Promise<void> {
    const { dev, ino } = (await this.#fs.promises.stat(this.#folder).catch(() => undefined)) ?? {};
    const found = `${dev} ${ino}`;
    if (found === this.#watched || this.#signal.aborted) return;
    this.end();
    try {
      this.#watcher = this.#fs.watch(this.#folder, { persistent: false }, () => {
        this.#changed = true;
        this.#wake();
      });
      this.#watcher.on('error', () => this.end());
      this.#watched = found;
    } catch {
      // It is tried again at the next look.
    }
  }

  /** Changes that come together end one rest. */
  async rest(ms: number): Promise<void> {
    if (!this.#changed) await this.#pause(ms);
    if (this.#changed) {
      this.#changed = false;
      await this.#pause(settling);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#signal.aborted) return resolve();
      const end = (): void => {
        clearTimeout(timer);
        this.#signal.removeEventListener('abort', end);
        this.#wake = () => {};
        resolve();
      };
      const timer = afterUnref(ms, end);
      this.#signal.addEventListener('abort', end, { once: true });
      this.#wake = end;
    });
  }

  end(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#watched = undefined;
  }
}
