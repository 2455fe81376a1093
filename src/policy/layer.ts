/** One document among those that lie over each other, and how its source is. */
import { withoutUrlSecrets } from '../core/errors.ts';
import type { SourceSnapshot } from './live-policy.ts';
import type { Parts } from './parsed-document.ts';
import type { PolicyProblem } from './policy-error.ts';
import type { PolicySource } from './source.ts';

export class Layer {
  readonly name: string;
  readonly source: PolicySource | undefined;
  /** What is in force of it; `undefined` if it has no document. */
  parts: Parts | undefined;
  /** The text that was last read, good or not. */
  text: string | undefined;
  /** The source's own version of that text. */
  version: string | undefined;
  #state: SourceSnapshot['state'] = 'waiting';
  #since: number | undefined;
  #refused: SourceSnapshot['refused'];
  #error: string | undefined;
  #failingSince: number | undefined;
  #isStale = false;

  constructor(name: string, parts: Parts | undefined, source?: PolicySource) {
    this.name = name;
    this.parts = parts;
    this.source = source;
  }

  /** ms since the source could last be read. */
  get failingFor(): number {
    return this.#failingSince === undefined ? 0 : Date.now() - this.#failingSince;
  }

  get refused(): SourceSnapshot['refused'] {
    return this.#refused;
  }

  /** The source could be read. */
  reached(state: 'good' | 'absent'): void {
    this.#state = state;
    this.#error = undefined;
    this.#failingSince = undefined;
    this.#isStale = false;
  }

  /** The document of an earlier run is in force, in place of one of the source. */
  keeps(): void {
    this.#state = 'kept';
  }

  accepted(): void {
    this.#since = Date.now();
    this.#refused = undefined;
  }

  removed(): void {
    this.text = undefined;
    this.version = undefined;
    this.#since = undefined;
    this.#refused = undefined;
  }

  refuse(problems: readonly PolicyProblem[]): void {
    this.#refused = { at: Date.now(), problems };
  }

  /** Whether it has become stale by that. */
  failed(error: unknown, staleAfter: number): boolean {
    this.#failingSince ??= Date.now();
    this.#error = withoutUrlSecrets(error instanceof Error ? error.message : String(error));
    if (this.#state !== 'kept') this.#state = 'failing';
    const wasStale = this.#isStale;
    this.#isStale = this.failingFor >= staleAfter;
    return this.#isStale && !wasStale;
  }

  snapshot(): SourceSnapshot {
    return {
      name: this.name,
      state: this.#isStale ? 'stale' : this.#state,
      ...(this.version !== undefined && { version: this.version }),
      ...(this.#since !== undefined && { since: this.#since }),
      ...(this.#refused !== undefined && { refused: this.#refused }),
      ...(this.#error !== undefined && { error: this.#error }),
    };
  }
}
