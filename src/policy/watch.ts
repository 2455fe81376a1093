/** Watches the sources of a policy, and keeps their documents for a start without them. */
import { after } from '../core/engine/timers.ts';
import type { Storage } from '../core/storage.ts';
import type { Layer } from './layer.ts';

/** What becomes of what the sources report. */
interface Reports {
  /** Whether the text is good; then it is in force. */
  take(layer: Layer, text: string, version?: string): boolean;
  remove(layer: Layer): void;
  failed(layer: Layer, error: unknown): void;
  /** The storage has failed. */
  lost(error: unknown): void;
  /** Calls no longer wait. */
  begun(): void;
}

/** Calls wait until each source has said whether it has a document, or `wait` ms. */
export class Watch {
  readonly #reports: Reports;
  readonly #storage: Storage | undefined;
  readonly #closed = new AbortController();
  /** The sources that have not said whether they have a document. */
  readonly #silent: Set<Layer>;
  /** The sources that a document of an earlier run may stand in for. */
  readonly #absent = new Set<Layer>();
  readonly #kept = new Map<Layer, string>();
  #begin: (() => void) | undefined;
  #writes: Promise<unknown> = Promise.resolve();
  pending: Promise<void> | undefined;

  constructor(layers: readonly Layer[], wait: number, storage: Storage | undefined, reports: Reports) {
    this.#reports = reports;
    this.#storage = storage;
    this.#silent = new Set(layers);
    if (layers.length > 0 && wait > 0) this.#hold(wait);
    for (const layer of layers) void this.#read(layer);
  }

  start(): void {
    for (const layer of this.#silent) this.#watch(layer);
  }

  /** The document is in force: a later start may need it. */
  keep(layer: Layer): void {
    const { text } = layer;
    if (text === undefined || text === this.#kept.get(layer)) return;
    this.#kept.set(layer, text);
    this.#write((storage) => storage.set(keyOf(layer), text));
  }

  close(): void {
    this.#closed.abort();
    this.#begin?.();
  }

  #hold(wait: number): void {
    this.pending = new Promise((resolve) => {
      const timer = after(wait, () => {
        for (const layer of this.#silent) this.#standIn(layer);
        this.#begin?.();
      });
      this.#begin = () => {
        clearTimeout(timer);
        this.#begin = undefined;
        this.pending = undefined;
        this.#reports.begun();
        resolve();
      };
    });
  }

  #heard(layer: Layer): void {
    this.#silent.delete(layer);
    if (this.#silent.size === 0) this.#begin?.();
  }

  #watch(layer: Layer): void {
    const { signal } = this.#closed;
    const failed = (error: unknown): void => {
      if (signal.aborted) return;
      this.#reports.failed(layer, error);
      this.#standIn(layer);
    };
    const sink = {
      document: (text: string, version?: string) => {
        if (signal.aborted) return;
        layer.reached('good');
        if (text === layer.text) layer.version = version;
        else this.#reports.take(layer, text, version);
        this.#heard(layer);
      },
      absent: () => {
        if (signal.aborted) return;
        layer.reached('absent');
        this.#reports.remove(layer);
        if (this.#kept.delete(layer)) this.#write((storage) => storage.delete(keyOf(layer)));
        this.#heard(layer);
      },
      failed,
    };
    // A source of the program may be an async function, or throw.
    void new Promise((resolve) => resolve(layer.source!.watch(sink, signal))).catch(failed);
  }

  /** Uses the document of an earlier run, now or as soon as it has been read. */
  #standIn(layer: Layer): void {
    this.#absent.add(layer);
    const text = this.#kept.get(layer);
    if (text === undefined || layer.text !== undefined || this.#closed.signal.aborted) return;
    if (this.#reports.take(layer, text)) layer.keeps();
    this.#heard(layer);
  }

  async #read(layer: Layer): Promise<void> {
    try {
      const entry = await this.#storage?.get(keyOf(layer));
      if (entry === undefined || this.#kept.has(layer)) return;
      this.#kept.set(layer, entry.value);
      if (this.#absent.has(layer)) this.#standIn(layer);
    } catch (error) {
      this.#reports.lost(error);
    }
  }

  /** One after the other, so that the last document stays. */
  #write(write: (storage: Storage) => Promise<unknown>): void {
    const storage = this.#storage;
    if (storage === undefined) return;
    this.#writes = this.#writes.then(() => write(storage)).catch((error: unknown) => this.#reports.lost(error));
  }
}

function keyOf({ name }: Layer): string {
  return `policy ${name}`;
}
