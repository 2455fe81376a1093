/** The options of `kyoa load`, as its parts use them. Durations are in ms, ratios in 0..1. */
import type { LivePolicy } from '../../../src/policy.ts';

export interface LoadOptions {
  readonly url: string;
  readonly method: string;
  readonly header: readonly [string, string][];
  readonly body: string | Uint8Array<ArrayBuffer> | undefined;
  /** Calls a second, in the open loop. */
  readonly rate: number;
  readonly for: number;
  /** The rate rises to this many times `rate`. */
  readonly peak: number;
  readonly warmup: number;
  /** The calls in flight of a closed loop, which takes the place of the rate. */
  readonly connections: number | undefined;
  /** For each call as a whole, its retries included. */
  readonly timeout: number;
  readonly maxInFlight: number;
  /** `false` sends without any policy. */
  readonly policy: boolean;
  /** The policy of a document, in place of kyoa's default stack. */
  readonly live?: LivePolicy | undefined;
  /** Sends each call a second time, through plain fetch. */
  readonly compare: boolean;
  /** The path of the HTML report. */
  readonly report: string | undefined;
  readonly json: boolean;
  readonly maxP99: number | undefined;
  readonly maxErrors: number | undefined;
}
