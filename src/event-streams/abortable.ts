/** Waits under a signal. */

/** Rejects with the reason of the signal as soon as it aborts, also if the work does not react to the signal. */
export function abortable<T>(work: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    const end = (): void => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort);
    work.then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        reject(error);
      },
    );
  });
}
