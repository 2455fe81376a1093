/** Sends the bytes of an upload to its upload resource. */
import { after } from '../core/engine/timers.ts';
import { maxBufferedBody } from '../core/engine/http-constants.ts';
import { TimeoutError, withoutUrlSecrets } from '../core/errors.ts';
import { serializeResponse, type Serialized } from '../lib/body/serialize-response.ts';
import { discardOutcome, settle, type Outcome } from '../lib/outcome.ts';
import type { ChunkSize } from './chunk-size.ts';
import { mayContinue, type Continuations } from './continuations.ts';
import { limitsOf } from './draft.ts';
import { bytesIn, type Protocol } from './protocol.ts';
import type { Send, UploadRequest } from './send.ts';
import { UploadError } from './upload-error.ts';

/** What all requests of an upload have in common. */
export interface Job {
  readonly blob: Blob;
  readonly send: Send;
  readonly chunk: ChunkSize;
  readonly continuations: Continuations;
  readonly signal: AbortSignal;
  /** The longest time of an append, ms. */
  readonly appendLimit: number;
  readonly onProgress: (offset: number) => void;
}

/** Where the bytes go. */
export interface UploadResource {
  readonly protocol: Protocol;
  readonly url: string;
}

/** The last response, and its text for the storage if it can be stored. */
export type Result = Pick<Serialized, 'response' | 'text'>;

/** The server has no such upload any more. */
export const gone: unique symbol = Symbol('gone');

/**
 * Appends until the upload is complete. Before the first append, and after each request that fails, the server is asked what it
 * has. `offset` is 0 for an upload that was just created.
 *
 * @throws {UploadError} `UPLOAD_FAILED`, `UPLOAD_MISMATCH`
 */
export class Transfer {
  readonly #job: Job;
  readonly #protocol: Protocol;
  readonly #url: string;
  /** `undefined` if it has to be asked for. */
  #offset: number | undefined;
  /** The highest offset that the server has confirmed. */
  #confirmed = -1;
  /** The response to HEAD by which the upload was complete before this call. */
  #completed: Response | undefined;

  constructor(job: Job, { protocol, url }: UploadResource, offset: number | undefined) {
    this.#job = job;
    this.#protocol = protocol;
    this.#url = url;
    if (offset !== undefined) this.#confirm(offset);
  }

  async run(): Promise<Result | typeof gone> {
    for (;;) {
      this.#job.signal.throwIfAborted();
      const result = await (this.#offset === undefined ? this.#askOffset() : this.#append(this.#offset));
      if (result !== undefined) return result;
    }
  }

  async #askOffset(): Promise<Result | typeof gone | undefined> {
    const { blob, send } = this.#job;
    const outcome = await settle(send(this.#request('HEAD', {})));
    const { response } = outcome;
    if (response?.ok !== true) return this.#failed(outcome);
    const offset = bytesIn(response, 'upload-offset');
    if (offset === undefined)
      throw this.#error('has no Upload-Offset; a server of another origin must expose it', outcome);
    const length = bytesIn(response, 'upload-length') ?? blob.size;
    if (length !== blob.size || offset > blob.size) return this.#mismatch(length, offset, response);
    if (this.#protocol.isComplete(response) === true) this.#completed = response;
    this.#bound(response);
    this.#confirm(offset);
    return offset === blob.size && !this.#protocol.hasLastRequest ? serializeResponse(response, 0) : undefined;
  }

  async #append(offset: number): Promise<Result | typeof gone | undefined> {
    const { blob, chunk } = this.#job;
    const end = Math.min(offset + chunk.bytes, blob.size);
    const isLast = end === blob.size;
    const started = performance.now();
    const headers = this.#protocol.append(offset, isLast);
    const outcome = await this.#limited((signal) =>
      settle(this.#job.send({ ...this.#request('PATCH', headers), body: blob.slice(offset, end), signal })),
    );
    const { response } = outcome;
    if (response === undefined) return this.#failed(outcome);
    const isComplete = this.#protocol.isComplete(response);
    if (isComplete === true) return this.#finish(outcome);
    if (response.status === 409) return this.#conflict(outcome);
    if (response.status === 413 && chunk.halve()) return this.#discard(outcome, offset);
    if (!response.ok) return this.#failed(outcome);
    const confirmed = bytesIn(response, 'upload-offset') ?? end;
    if (confirmed > end) throw this.#error(`confirms ${confirmed} bytes, of which ${end} were sent`, outcome);
    this.#bound(response);
    chunk.confirmed(confirmed - offset, performance.now() - started);
    const isNew = confirmed > this.#confirmed;
    this.#confirm(confirmed);
    if (confirmed === blob.size && isComplete === undefined) return this.#finish(outcome);
    return isNew ? this.#discard(outcome, confirmed) : this.#repeat(outcome);
  }

  /** The server has another offset than this client: that of the server is right. */
  async #conflict(outcome: Outcome): Promise<undefined> {
    const offset = bytesIn(outcome.response!, 'upload-offset');
    const { size } = this.#job.blob;
    if (offset !== undefined && offset > size) throw this.#error(`has ${offset} bytes of ${size}`, outcome);
    const isNew = offset !== undefined && offset > this.#confirmed;
    if (!isNew) await this.#repeat(outcome);
    if (offset !== undefined) this.#confirm(offset);
  }

  async #finish(outcome: Outcome): Promise<Result | undefined> {
    const { status } = outcome.response!;
    const result = await serializeResponse(outcome.response!, maxBufferedBody);
    const { response } = result;
    if (result.broken) return this.#repeat({ error: new TypeError('The body of the last response broke off') });
    if (!response.ok) throw this.#error(`has received all, and refused it with status ${status}`, { response });
    this.#confirm(this.#job.blob.size);
    return result;
  }

  async #failed(outcome: Outcome): Promise<Result | typeof gone | undefined> {
    const { chunk, signal } = this.#job;
    signal.throwIfAborted();
    const { response, error } = outcome;
    // A server need not send the last response again.
    if (this.#completed && response !== undefined && response.status < 500)
      return serializeResponse(this.#completed, 0);
    if (response?.status === 404 || response?.status === 410) {
      discardOutcome(outcome);
      return gone;
    }
    if (mayContinue(outcome)) {
      chunk.halve();
      return this.#repeat(outcome);
    }
    if (response === undefined) throw error;
    throw this.#error(`has refused a request with status ${response.status}`, outcome);
  }

  /** Asks the server for the offset after a pause, unless too many requests in a row have confirmed nothing. */
  async #repeat(outcome: Outcome): Promise<undefined> {
    const { response } = outcome;
    this.#offset = undefined;
    if (await this.#job.continuations.next(outcome)) return;
    const last = response === undefined ? 'a network error' : `status ${response.status}`;
    throw this.#error(`has confirmed nothing for too long; the last failure is ${last}`, outcome);
  }

  #discard(outcome: Outcome, offset: number): undefined {
    discardOutcome(outcome);
    this.#offset = offset;
  }

  #confirm(offset: number): void {
    const { continuations, onProgress } = this.#job;
    this.#offset = offset;
    if (offset <= this.#confirmed) return;
    this.#confirmed = offset;
    continuations.reset();
    onProgress(offset);
  }

  #bound(response: Response): void {
    const limits = limitsOf(response);
    if (limits !== undefined) this.#job.chunk.bound(limits);
  }

  #request(method: string, headers: UploadRequest['headers']): UploadRequest {
    return { method, url: this.#url, isResource: true, headers: { ...this.#protocol.headers, ...headers } };
  }

  /** The upload resource is that of another file: nothing must be appended (draft §4.3.1). */
  async #mismatch(length: number, offset: number, response: Response): Promise<never> {
    const { blob, send } = this.#job;
    await settle(send(this.#request('DELETE', {}))).then(discardOutcome);
    const message = `The server has ${offset} bytes of an upload of ${length}, and the file has ${blob.size}: the upload was cancelled`;
    throw new UploadError('UPLOAD_MISMATCH', message, { offset, response });
  }

  #error(what: string, { response, error }: Outcome): UploadError {
    const offset = Math.max(this.#confirmed, 0);
    const message = `The server of ${withoutUrlSecrets(new URL(this.#url).origin)} ${what}; it has ${offset} of ${this.#job.blob.size} bytes`;
    return new UploadError('UPLOAD_FAILED', message, { offset, response, cause: error });
  }

  /** Runs an append, and aborts it after the longest time that one may take. */
  async #limited(run: (signal: AbortSignal) => Promise<Outcome>): Promise<Outcome> {
    const { signal, appendLimit: limit } = this.#job;
    const own = new AbortController();
    const leave = (): void => own.abort(signal.reason);
    const started = performance.now();
    const timer = after(limit, () =>
      own.abort(new TimeoutError({ phase: 'total', limit, elapsed: performance.now() - started })),
    );
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave);
    try {
      return await run(own.signal);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    }
  }
}
