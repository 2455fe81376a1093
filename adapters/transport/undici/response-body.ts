/** The body of a response between the connection, which pushes the bytes, and the reader, which pulls them. */
import type {
  BodyArrival,
  BodyContinuation,
  BodyReader,
  CopyContinuation,
} from '../../../src/core/engine/transport-protocol.ts';
import { BodySizeError } from '../../../src/core/errors.ts';
import { ByteQueue } from './byte-queue.ts';
import type { PhaseTimer } from './phase-timer.ts';

/** Takes the bytes of a body as they arrive. */
export interface BodySink {
  push(chunk: Uint8Array): void;
  end(): void;
  fail(error: Error): void;
}

/** Where the bytes of a body come from; its flow is under the control of the reader. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** The rest of the body is not wanted. */
  cancel(): void;
}

/** Unread bytes that are buffered before the source is paused: the limit of undici's own bodies. */
const highWaterMark = 64 * 1024;

export interface ResponseBodyOptions {
  readonly contentType: string | undefined;
  readonly source: BodySource;
  /** Runs while a reader waits for bytes: it measures the silence of the server, not that of the reader. */
  readonly idleTimer: PhaseTimer;
  /** The most bytes that the reader may get. */
  readonly maxLength: number;
  /** Turns an error of the connection into the one that the reader gets. */
  readonly toReadError: (error: Error) => unknown;
  /** Called once, when the body has arrived whole, has failed or was cancelled. */
  readonly ended: () => void;
}

export class ResponseBody implements BodySink, BodyArrival {
  ended = false;
  readonly contentType: string | undefined;
  /** Dropped at the end: a response that is kept must not keep the exchange, and with it the whole call. */
  #options: ResponseBodyOptions | undefined;
  readonly #unread = new ByteQueue();
  #length = 0;
  #paused = false;
  #failure: { readonly error: unknown } | undefined;
  #reader: PendingRead | undefined;
  #registered = false;
  #complete = false;
  #signals: AbortSignal[] | undefined;
  #listeners: ((complete: boolean) => void)[] | undefined;
  #continuation: BodyContinuation | undefined;
  /** Made for the first byte or break: most bodies arrive whole before anyone reads them. */
  #copy: CopyContinuation | undefined;
  #inside: ((complete: boolean) => void)[] | undefined;
  /** The bytes that a stream has handed out. */
  #handedOut = 0;
  /** The error of a break, until a reader wants more. */
  #break: { readonly error: unknown } | undefined;
  #rest: BodyReader | undefined;
  #waits: (() => void)[] | undefined;

  constructor(options: ResponseBodyOptions) {
    this.contentType = options.contentType;
    this.#options = options;
  }

  /** Cancels the body when its response is garbage-collected unread. */
  cancelWhenCollected(response: Response): void {
    // Most bodies arrive with their headers, and have ended by the time of the microtask.
    queueMicrotask(() => {
      if (this.ended) return;
      this.#registered = true;
      unreadResponses.register(response, this, this);
    });
  }

  get isContinued(): boolean {
    return this.#continuation !== undefined;
  }

  get #continuing(): CopyContinuation | undefined {
    return (this.#copy ??= this.#continuation?.forCopy());
  }

  continueWith(create: () => BodyContinuation): void {
    if (this.ended || this.isContinued) return;
    this.#continuation = create();
    this.#inside = this.#listeners;
    this.#listeners = undefined;
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  get hasReader(): boolean {
    return this.#reader !== undefined;
  }

  push(chunk: Uint8Array): void {
    // undici pushes an empty chunk when the source goes on after a pause. A stream of bytes refuses one.
    if (this.#options === undefined || chunk.byteLength === 0) return;
    this.#length += chunk.byteLength;
    if (this.#length > this.#options.maxLength) return this.#refuse();
    this.#unread.push(chunk);
    if (this.#reader?.all === true) return this.#options.idleTimer.refresh();
    if (this.#reader !== undefined) return this.#settleRead();
    if (this.#unread.size >= highWaterMark && !this.#paused) {
      this.#paused = true;
      this.#options.source.pause();
    }
  }

  #refuse(): void {
    const { source, maxLength } = this.#options!;
    this.fail(new BodySizeError(maxLength));
    source.cancel();
  }

  onEnd(listener: (complete: boolean) => void, signal?: AbortSignal): void {
    if (signal !== undefined) this.readUnder(signal);
    if (this.ended) listener(this.#complete);
    else if (this.#listeners === undefined) this.#listeners = [listener];
    else this.#listeners.push(listener);
  }

  /** Encoded bytes have arrived. The decoder may not have a decoded byte of them yet, but the server is not silent. */
  encodedBytesArrived(): void {
    this.#options?.idleTimer.refresh();
  }

  end(): void {
    if (this.#options === undefined) return;
    this.#complete = true;
    this.#finish();
  }

  fail(error: Error): void {
    if (!this.ended && this.#options !== undefined) this.abort(this.#options.toReadError(error), true);
  }

  /** The present read and all later ones reject with exactly this reason. Unread bytes are discarded. */
  abort(reason: unknown, inside = false): void {
    if (this.ended) return;
    if (inside && this.#continuation?.isBreak(reason) === true) return this.#breakOff(reason);
    this.#failure = { error: reason };
    this.#unread.take();
    this.#finish();
  }

  cancel(): void {
    if (this.ended) return;
    const source = this.#options?.source;
    this.#unread.take();
    this.#finish();
    source?.cancel();
  }

  /** Resolves to the chunks since the last read: at least one, or none at the end. */
  read(): Promise<Uint8Array[]> {
    return this.#startRead(false);
  }

  /** Resolves to all remaining chunks. */
  readAll(): Promise<Uint8Array[]> {
    return this.#startRead(true);
  }

  /** A read that begins after the body has arrived rejects with the reason of the signal, if it has aborted by then. */
  readUnder(signal: AbortSignal): void {
    if (!this.ended || this.#unread.size > 0) (this.#signals ??= []).push(signal);
  }

  #startRead(all: boolean): Promise<Uint8Array[]> {
    this.#failIfAborted();
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.ended || (!all && this.#unread.size > 0)) return Promise.resolve(this.#take(all));
    return new Promise((resolve, reject) => {
      this.#reader = { all, resolve, reject };
      if (this.#break !== undefined) void this.#goOn(this.#break.error);
      else if (this.#rest !== undefined) void this.#readRest(this.#rest);
      else {
        this.#options!.idleTimer.start();
        this.#resumeSource();
      }
    });
  }

  /** The caller's signal has no listener once the body has arrived: it may live longer than the response. */
  #failIfAborted(): void {
    if (this.#signals === undefined || !this.ended) return;
    const aborted = this.#signals.find((signal) => signal.aborted);
    this.#signals = undefined;
    if (aborted === undefined || this.#unread.size === 0) return;
    this.#failure = { error: aborted.reason };
    this.#unread.take();
  }

  #finish(): void {
    this.ended = true;
    // The registry would hold the body, and with it the error and its stack, for as long as the response lives.
    if (this.#registered) unreadResponses.unregister(this);
    this.#settleRead();
    this.#options?.ended();
    this.#options = undefined;
    if (this.#unread.size === 0) this.#signals = undefined;
    for (const listener of [...(this.#inside ?? []), ...(this.#listeners ?? [])]) listener(this.#complete);
    this.#inside = this.#listeners = this.#waits = undefined;
    if (!this.#complete) this.#copy?.abort();
    this.#continuation = this.#copy = undefined;
    this.#rest = undefined;
  }

  onContinued(wait: () => void): void {
    (this.#waits ??= []).push(wait);
  }

  #wait(): void {
    for (const wait of this.#waits ?? []) wait();
  }

  /** What has arrived from this connection and is unread is lost. The next read continues the body. */
  #breakOff(error: unknown): void {
    this.#unread.take();
    this.#options?.idleTimer.stop();
    this.#options?.ended();
    this.#options = undefined;
    this.#break = { error };
    for (const listener of this.#inside ?? []) listener(false);
    this.#inside = undefined;
    if (this.#reader !== undefined) void this.#goOn(error);
  }

  /** How many bytes have arrived and are not lost. */
  get #kept(): number {
    return this.#handedOut + this.#unread.size;
  }

  async #goOn(error: unknown): Promise<void> {
    this.#break = undefined;
    this.#wait();
    try {
      const rest = await this.#continuing!.rest(error, this.#kept, () => this.#wait());
      if (this.ended) return await rest.cancel();
      this.#rest = rest;
      await this.#readRest(rest);
    } catch (final) {
      this.abort(final);
    }
  }

  /** For the pending read. */
  async #readRest(rest: BodyReader): Promise<void> {
    try {
      for (let reader = this.#reader; reader !== undefined; reader = this.#reader) {
        const { done, value } = await rest.read();
        if (this.ended) return;
        if (done) {
          this.#complete = true;
          return this.#finish();
        }
        this.#unread.push(value);
        if (reader.all) this.#continuing!.keep(value, this.#kept);
        if (!reader.all) this.#settleRead();
      }
    } catch (error) {
      if (this.ended) return;
      if (this.#continuation?.isBreak(error) !== true) return this.abort(error);
      this.#rest = undefined;
      await this.#goOn(error);
    }
  }

  #take(all: boolean): Uint8Array[] {
    const chunks = this.#unread.take();
    for (const chunk of all ? [] : chunks) {
      this.#handedOut += chunk.byteLength;
      this.#continuing?.keep(chunk, this.#handedOut);
    }
    return chunks;
  }

  #settleRead(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    this.#reader = undefined;
    this.#options?.idleTimer.stop();
    if (this.#failure === undefined) reader.resolve(this.#take(reader.all));
    else reader.reject(this.#failure.error);
  }

  #resumeSource(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#options!.source.resume();
  }
}

/** A program may drop a response unread. Its body would hold the connection for ever. */
const unreadResponses = new FinalizationRegistry<ResponseBody>((body) => {
  if (!body.hasReader) body.cancel();
});

interface PendingRead {
  /** Whether the read waits for the end of the body, and not for the next chunk. */
  readonly all: boolean;
  resolve(chunks: Uint8Array[]): void;
  reject(error: unknown): void;
}
