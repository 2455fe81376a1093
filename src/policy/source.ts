/** The contract of a source of policy documents: a file, an environment, a configuration centre. */

/**
 * Where a policy document comes from. The sources of kyoa are in `kyoa/policy/sources`; one of your own has these members.
 *
 * @example
 * ```ts
 * import { policy, type PolicySource } from 'kyoa/policy';
 *
 * const fixed: PolicySource = {
 *   name: 'fixed',
 *   watch(sink) {
 *     sink.document('{ "use": [{ "retry": { "retries": 2 } }] }', '1');
 *   },
 * };
 * const live = policy([fixed]);
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#sources
 */
export interface PolicySource {
  /** What snapshots, events and errors call it, such as `file policy.json`. It holds no credentials. */
  readonly name: string;
  /**
   * Reads the document and watches it. It reports to `sink` until `signal` aborts; then it closes what it has opened. It
   * neither throws nor rejects: what fails is reported.
   */
  watch(sink: PolicySink, signal: AbortSignal): void;
}

/**
 * Receives what a source has found.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#sources
 */
export interface PolicySink {
  /**
   * The document as it is now, in JSON. `version` is the source's own: an ETag, an index, a revision. A text that did not change
   * has no effect, but for a source that had failed: it can be read again.
   */
  document(text: string, version?: string): void;
  /** The source has no document: the file or the key does not exist. Its last document is no longer in force. */
  absent(): void;
  /** An attempt to read the source has failed. Its last document stays in force. Failures in a row make the source stale. */
  failed(error: unknown): void;
}
