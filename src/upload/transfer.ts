/** Sends the bytes of an upload to its upload resource. */
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
  readonly onProgress: (offset: number) => void;
}

/** Where the bytes go. */
export interface UploadResource {
  readonly protocol: Protocol;
  readonly url: string;
}

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

  async run(): Promise<Response | typeof gone> {
    for (;;) {
      this.#job.signal.throwIfAborted();
      const end = await (this.#offset === undefined ? this.#askOffset() : this.#append(this.#offset));
      if (end !== undefined) return end;
    }
  }

  async #askOffset(): Promise<Response | typeof gone | undefined> {
    const { blob, send } = this.#job;
    const outcome = await settle(send(this.#request('HEAD', {})));
    const { response } = outcome;
    if (response?.ok !== true) return this.#failed(outcome);
    const offset = bytesIn(response, 'upload-offset');
    if (offset === undefined)
      throw this.#error('has no Upload-Offset; a server of another origin must expose it', outcome);
    const isComplete = this.#protocol.isComplete(response) === true;
    const length = isComplete ? offset : (bytesIn(response, 'upload-length') ?? blob.size);
    if (length !== blob.size || offset > blob.size) return this.#mismatch(length, offset, response);
    if (isComplete) this.#completed = response;
    this.#bound(response);
    this.#confirm(offset);
    return offset === blob.size && !this.#protocol.hasLastRequest ? response : undefined;
  }

  async #append(offset: number): Promise<Response | typeof gone | undefined> {
    const { blob, chunk, send } = this.#job;
    const end = Math.min(offset + chunk.bytes, blob.size);
    const headers = this.#protocol.append(offset, end === blob.size);
    const started = performance.now();
    const outcome = await settle(send({ ...this.#request('PATCH', headers), body: blob.slice(offset, end) }));
    const { response } = outcome;
    if (response === undefined) return this.#failed(outcome);
    const isComplete = this.#protocol.isComplete(response);
    if (isComplete === true && (end === blob.size || !response.ok)) return this.#complete(response);
    if (response.status === 409 && !this.#completed) return this.#conflict(response);
    if (response.status === 413 && chunk.halve()) return undefined;
    if (!response.ok) return this.#failed(outcome);

    const confirmed = bytesIn(response, 'upload-offset') ?? end;
    if (confirmed > end) throw this.#error(`confirms ${confirmed} bytes, of which ${end} were sent`, { response });
    this.#bound(response);
    chunk.confirmed(confirmed - offset, performance.now() - started);
    const isNew = confirmed > this.#confirmed;
    this.#confirm(confirmed);
    if (confirmed === blob.size && isComplete === undefined) return this.#complete(response);
    return isNew ? undefined : this.#repeat({ response });
  }

  #complete(response: Response): Response {
    if (!response.ok) throw this.#error(`has all, and has refused it with status ${response.status}`, { response });
    this.#confirm(this.#job.blob.size);
    return response;
  }

  /** The server has another offset than this client: that of the server is right. */
  async #conflict(response: Response): Promise<undefined> {
    const offset = bytesIn(response, 'upload-offset');
    const { size } = this.#job.blob;
    if (offset !== undefined && offset > size) throw this.#error(`has ${offset} bytes of ${size}`, { response });
    if (offset === undefined || offset <= this.#confirmed) await this.#repeat({ response });
    if (offset !== undefined) this.#confirm(offset);
  }

  async #failed(outcome: Outcome): Promise<Response | typeof gone | undefined> {
    const { chunk, signal } = this.#job;
    signal.throwIfAborted();
    const { response, error } = outcome;
    // A server need not send the last response again.
    if (this.#completed && response !== undefined && response.status < 500) return this.#completed;
    if (response?.status === 404 || response?.status === 410) {
      discardOutcome(outcome);
      return gone;
    }
    if (mayContinue(outcome)) {
      chunk.halve();
      return this.#repeat(outcome);
    }
    if (response === undefined) throw error;
    const advice = response.status === 413 ? '; give a smaller chunk' : '';
    throw this.#error(`has refused a request with status ${response.status}${advice}`, outcome);
  }

  /** Asks the server for the offset after a pause, unless too many requests in a row have confirmed nothing. */
  async #repeat(outcome: Outcome): Promise<undefined> {
    const { response } = outcome;
    this.#offset = undefined;
    if (await this.#job.continuations.next(outcome)) return;
    const last = response === undefined ? 'a network error' : `status ${response.status}`;
    throw this.#error(`has confirmed nothing for too long; the last failure is ${last}`, outcome);
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
    const message = `${new URL(this.#url).origin} ${what}; it has ${offset} of ${this.#job.blob.size} bytes`;
    return new UploadError('UPLOAD_FAILED', message, { offset, response, cause: error });
  }
}
