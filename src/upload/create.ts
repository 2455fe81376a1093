/** Creates the upload resource of a file. */
import { withoutUrlSecrets } from '../core/errors.ts';
import { discardOutcome, settle, type Outcome } from '../lib/outcome.ts';
import { mayContinue } from './continuations.ts';
import { detect, protocols, type Detected } from './detect.ts';
import { limitsOf } from './draft.ts';
import { bytesIn, type Limits, type Metadata, type ProtocolName } from './protocol.ts';
import type { UploadRecord } from './record.ts';
import type { Job } from './transfer.ts';
import { UploadError } from './upload-error.ts';

/** To what a file is uploaded. */
export interface Target {
  readonly url: string;
  readonly protocol: 'auto' | ProtocolName;
  readonly metadata?: Metadata | undefined;
}

/** What the request has led to: an upload resource that has `offset` bytes, or the response of the target itself. */
export interface Created {
  /** `undefined` if it has to be asked for. */
  readonly offset?: number | undefined;
  readonly response?: Response;
}

/**
 * Sends the request that creates the upload resource, and keeps its URL in the record before any byte is sent.
 *
 * @throws {UploadError} `UPLOAD_FAILED`, `UPLOAD_UNSUPPORTED`
 */
export async function create(job: Job, record: UploadRecord, target: Target): Promise<Created> {
  const { blob, chunk, continuations, send, signal } = job;
  const { protocol, limits } = await protocolOf(job, target);
  const refused = (what: string, { response, error }: Outcome = {} as Outcome): UploadError => {
    const message = `${withoutUrlSecrets(target.url)} ${what}`;
    return new UploadError('UPLOAD_FAILED', message, { offset: 0, response, cause: error });
  };
  const isTooLong = ({ maxSize = Infinity }: Limits): boolean => blob.size > maxSize;
  const tooLong = ({ maxSize }: Limits): string => `accepts ${maxSize} bytes at most, and the file has ${blob.size}`;
  if (isTooLong(limits)) throw refused(tooLong(limits));
  chunk.bound(limits);

  // For a file below `min-size` a server of the draft need not create an upload resource: it is sent whole, and once.
  const isWhole = blob.size < (limits.minSize ?? 0);
  const headers = {
    ...protocol.headers,
    ...protocol.creation(blob, target.metadata ?? {}),
    ...(isWhole && { 'upload-complete': '?1' }),
    ...(!isWhole && mayHaveKey(target.url) && { 'idempotency-key': record.upload.key }),
  };
  const request = { method: 'POST', url: target.url, isResource: false, headers, body: isWhole ? blob : undefined };
  const outcome = isWhole ? await settle(send(request)) : await continuations.settle(() => send(request));
  signal.throwIfAborted();
  const { response } = outcome;
  if (response === undefined) throw mayContinue(outcome) ? refused('could not be reached', outcome) : outcome.error;
  if (!response.ok) throw refused(`has refused the upload with status ${response.status}`, outcome);
  if (isWhole || protocol.isComplete(response) === true) return { response };

  const location = response.headers.get('location');
  const url = location === null ? undefined : URL.parse(location, response.url || target.url)?.href;
  if (url === undefined)
    throw refused('has created no upload: the response has no valid Location, or does not expose it', outcome);
  const own = limitsOf(response) ?? {};
  if (isTooLong(own)) {
    await settle(send({ method: 'DELETE', url, isResource: true, headers: protocol.headers })).then(discardOutcome);
    throw refused(tooLong(own));
  }
  chunk.bound(own);
  await record.created({ protocol: protocol.name, url });
  // An empty upload is complete in tus when it is created.
  if (blob.size === 0 && !protocol.hasLastRequest) return { response };
  return { offset: record.upload.url === url ? (bytesIn(response, 'upload-offset') ?? 0) : undefined };
}

async function protocolOf({ send, continuations }: Job, { url, protocol }: Target): Promise<Detected> {
  if (protocol !== 'auto') return { protocol: protocols[protocol], limits: {} };
  return detect(url, send, continuations);
}

/** Whether a request may have the header `Idempotency-Key`: servers do not allow it to pages of another origin. */
function mayHaveKey(url: string): boolean {
  const page = globalThis.location?.href;
  return page === undefined || new URL(url, page).origin === new URL(page).origin;
}
