/** Telemetry never fails a call: an error of it is reported on the console, and the call goes on. */

/** Returns what `work` returns; `undefined` if it throws. */
export function harmless<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch (error) {
    console.error('kyoa: telemetry failed', error);
    return undefined;
  }
}
