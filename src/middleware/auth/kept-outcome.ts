/**
 * An outcome of which it is not known yet whether the caller gets it. A response that is not read holds its connection, and a
 * permit of `limit`, for which the renewal itself may wait. So its body is read into memory.
 */
import { maxDrainedBody, maxDrainTime } from '../../core/engine/http-constants.ts';
import { afterUnref } from '../../core/engine/timers.ts';
import { createResponse, responseHead } from '../../lib/body/synthetic-response.ts';
import { concat, readOn, readUpTo, type Bytes } from '../../lib/body/streams.ts';
import { noop } from '../../lib/noop.ts';
import type { Outcome } from '../../lib/outcome.ts';

export interface KeptOutcome {
  /** The same outcome. A response has what was read, and then the rest of its body. */
  restore(): Promise<Outcome>;
  /** Reads a short body to its end, and cancels one that is long or slow. */
  discard(): void;
}

export function keep(outcome: Outcome): KeptOutcome {
  const { response } = outcome;
  if (!response?.body || response.body.locked) return { restore: () => Promise.resolve(outcome), discard: noop };
  const head = responseHead(response);
  const reader: ReadableStreamDefaultReader<Bytes> = response.body.getReader();
  const chunks: Bytes[] = [];
  const read = readUpTo(reader, chunks, maxDrainedBody).catch(() => false); // the rest rejects again
  return {
    async restore() {
      const body = (await read) ? { bytes: concat(chunks) } : readOn(chunks, reader);
      return { response: createResponse(head, body) };
    },
    discard() {
      const cancel = (): void => void reader.cancel().catch(noop);
      const timer = afterUnref(maxDrainTime, cancel);
      void read.then((ended) => ended || cancel()).finally(() => clearTimeout(timer));
    },
  };
}
