/** A transport that the test answers for. */
import type { Fetch } from '../../src/index.ts';

export interface Manual {
  readonly transport: Fetch;
  /** Resolves with the first request. */
  readonly asked: Promise<void>;
  /** Every request alike, those to come included. */
  readonly answer: (response: Response) => void;
  readonly fail: (error: unknown) => void;
  readonly calls: () => number;
}

export function manual(): Manual {
  let calls = 0;
  let arrived!: () => void;
  const asked = new Promise<void>((resolve) => (arrived = resolve));
  let answer!: (response: Response) => void;
  let fail!: (error: unknown) => void;
  const answered = new Promise<Response>((resolve, reject) => ([answer, fail] = [resolve, reject]));
  const transport: Fetch = async () => {
    calls += 1;
    arrived();
    return (await answered).clone();
  };
  return { transport, asked, answer, fail, calls: () => calls };
}
