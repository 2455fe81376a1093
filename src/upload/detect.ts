/** Asks a server which protocol of resumable uploads it speaks. */
import { discardOutcome } from '../lib/outcome.ts';
import { mayContinue, type Continuations } from './continuations.ts';
import { draft, limitsOf } from './draft.ts';
import { bytesIn, type Limits, type Protocol, type ProtocolName } from './protocol.ts';
import type { Send } from './send.ts';
import { tus } from './tus.ts';
import { UploadError } from './upload-error.ts';

export interface Detected {
  readonly protocol: Protocol;
  readonly limits: Limits;
}

export const protocols: Readonly<Record<ProtocolName, Protocol>> = { draft, tus };

/**
 * By the response to OPTIONS: tus sends `Tus-Version`, the draft `Upload-Limit`. Of a server that speaks both, tus is taken,
 * whose version is final. @throws {UploadError} `UPLOAD_UNSUPPORTED`
 */
export async function detect(url: string, send: Send, continuations: Continuations): Promise<Detected> {
  const outcome = await continuations.settle(() => send({ method: 'OPTIONS', url, isResource: false, headers: {} }));
  const { response, error: cause } = outcome;
  if (response === undefined || mayContinue(outcome)) {
    const message =
      'The server could not be asked for its protocol, or does not allow OPTIONS to pages of another origin';
    throw new UploadError('UPLOAD_FAILED', `${message}: give protocol`, { offset: 0, response, cause });
  }
  discardOutcome(outcome);
  const { headers, status } = response;
  if (/(^|,)\s*1\.0\.0\s*(,|$)/.test(headers.get('tus-version') ?? headers.get('tus-resumable') ?? ''))
    return { protocol: tus, limits: { maxSize: bytesIn(response, 'tus-max-size') } };
  if (headers.has('upload-limit')) return { protocol: draft, limits: limitsOf(response) ?? {} };
  const message = `The server announces no resumable uploads: its response to OPTIONS, with status ${status}, has neither Tus-Version 1.0.0 nor Upload-Limit`;
  const advice = 'send the file with a plain request, give protocol, or expose these headers to other origins';
  throw new UploadError('UPLOAD_UNSUPPORTED', `${message}; ${advice}`, { offset: 0, response });
}
