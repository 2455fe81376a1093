/** The bytes of an answer between the connection, which pushes them, and whoever reads. */
import type { BodyArrival } from '../../../src/core/engine/transport-protocol.ts';
import type { Watch } from './watch.ts';

/** Takes the bytes of a body as they come. */
export interface Receiver {
  push(chunk: Uint8Array): void;
  end(): void;
  fail(error: Error): void;
}

/** Where the bytes come from, as far as a reader can steer it. */
export interface Source {
  pause(): void;
  resume(): void;
  /** Nobody wants the rest. */
  cancel(): void;
}

/** Unread bytes that are kept before the connection is held back; what undici's own bodies keep. */
const highWaterMark = 64 * 1024;

export interface IncomingOptions {
  readonly contentType: string | undefined;
  readonly source: Source;
  /** Runs while a reader waits for bytes: it measures the server's silence, not the reader's. */
  readonly silence: Watch;
  /** The error that a reader gets for one of the connection. */
  readonly explain: (error: Error) => unknown;
  /** Once: read into memory to its end, failed or cancelled. */
  readonly over: () => void;
}

export class Incoming implements Receiver, BodyArrival {
  ended = false;
  readonly contentType: string | undefined;
  /** Let go of at the end: whoever keeps the response need not keep the exchange, and all of the call, with it. */
  #options: IncomingOptions | undefined;
  #chunks: Uint8Array[] = [];
  #size = 0;
  #paused = false;
  #failure: { readonly error: unknown } | undefined;
  #waiter: Waiter | undefined;
  #registered = false;
  /** Whether all of it has come. */
  #complete = false;
  #listeners: ((complete: boolean) => void)[] | undefined;

  constructor(options: IncomingOptions) {
    this.contentType = options.contentType;
    this.#options = options;
  }

  /** When the response is collected unread, nobody will read this any more. */
  belongsTo(response: Response): void {
    // Most bodies come with their headers, and are over by then.
    queueMicrotask(() => {
      if (this.ended) return;
      this.#registered = true;
      dropped.register(response, this, this);
    });
  }

  /** Whether somebody waits for more. */
  get wanted(): boolean {
    return this.#waiter !== undefined;
  }

  push(chunk: Uint8Array): void {
    if (this.ended) return;
    if (this.#size === 0) this.#chunks = [chunk];
    else this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
    if (this.#waiter?.whole === true) return this.#options!.silence.refresh();
    if (this.#waiter !== undefined) return this.#settle();
    if (this.#size >= highWaterMark && !this.#paused) {
      this.#paused = true;
      this.#options!.source.pause();
    }
  }

  onEnd(listener: (complete: boolean) => void): void {
    if (this.ended) listener(this.#complete);
    else if (this.#listeners === undefined) this.#listeners = [listener];
    else this.#listeners.push(listener);
  }

  /** Bytes have come that do not show yet: they are part of something encoded. */
  touch(): void {
    this.#options?.silence.refresh();
  }

  end(): void {
    if (this.ended) return;
    this.#complete = true;
    this.#finish();
  }

  fail(error: Error): void {
    if (!this.ended) this.abort(this.#options!.explain(error));
  }

  /** Whoever reads, now or later, is rejected with exactly this; what is unread is gone. */
  abort(reason: unknown): void {
    if (this.ended) return;
    this.#failure = { error: reason };
    this.#take();
    this.#finish();
  }

  cancel(): void {
    if (this.ended) return;
    const { source } = this.#options!;
    this.#take();
    this.#finish();
    source.cancel();
  }

  /** What has come since the last read, at least one chunk; nothing at the end. */
  read(): Promise<Uint8Array[]> {
    return this.#wait(false);
  }

  /** All that is left. */
  readAll(): Promise<Uint8Array[]> {
    return this.#wait(true);
  }

  #wait(whole: boolean): Promise<Uint8Array[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.ended || (!whole && this.#chunks.length > 0)) return Promise.resolve(this.#take());
    return new Promise((resolve, reject) => {
      this.#waiter = { whole, resolve, reject };
      this.#options!.silence.start();
      this.#flow();
    });
  }

  #finish(): void {
    this.ended = true;
    // An error holds, by its stack, what was on it; the registry would hold the error for as long as the response.
    if (this.#registered) dropped.unregister(this);
    this.#settle();
    this.#options!.over();
    this.#options = undefined;
    for (const listener of this.#listeners ?? []) listener(this.#complete);
    this.#listeners = undefined;
  }

  #settle(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    this.#waiter = undefined;
    this.#options!.silence.stop();
    if (this.#failure === undefined) waiter.resolve(this.#take());
    else waiter.reject(this.#failure.error);
  }

  #take(): Uint8Array[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#size = 0;
    return chunks;
  }

  #flow(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#options!.source.resume();
  }
}

/** Whoever drops a response unread, as a program may, does not know that it holds a connection. */
const dropped = new FinalizationRegistry<Incoming>((incoming) => {
  if (!incoming.wanted) incoming.cancel();
});

interface Waiter {
  /** Waits for the end, not for the next chunk. */
  readonly whole: boolean;
  resolve(chunks: Uint8Array[]): void;
  reject(error: unknown): void;
}
