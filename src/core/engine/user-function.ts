/** Functions of the user that must not affect a call. */

/** The functions of which an error has been reported: one that throws does so for each event. */
const reported = new WeakSet<object>();

/** A function of the user that throws or rejects does not affect the call. Its first error is reported on the console. */
export function runHarmless<Given>(
  what: string,
  run: (given: Given) => unknown,
  given: Given,
  owner: object = run,
): void {
  const report = (error: unknown): void => {
    if (!reported.has(owner)) console.error(`kyoa: ${what} threw`, error);
    reported.add(owner);
  };
  try {
    const returned = run(given) as PromiseLike<unknown> | null | undefined;
    // A promise of another realm, or of a library, is no instance of Promise.
    if (typeof returned?.then === 'function') void Promise.resolve(returned).catch(report);
  } catch (error) {
    report(error);
  }
}
