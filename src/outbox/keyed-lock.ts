/** Lets work with the same key run one after another, in the order in which its turns were taken. */
export interface Turn {
  /** Resolves when all earlier turns have ended. */
  readonly came: Promise<unknown>;
  readonly end: () => void;
}

export class Turns {
  /** By key: resolves when the latest turn, and all before it, have ended. */
  readonly #ended = new Map<string, Promise<unknown>>();

  take(key: string): Turn {
    const came = this.#ended.get(key) ?? Promise.resolve();
    let end!: () => void;
    const own = new Promise<void>((resolve) => (end = resolve));
    const ended = Promise.all([came, own]).then(() => {
      if (this.#ended.get(key) === ended) this.#ended.delete(key);
    });
    this.#ended.set(key, ended);
    return { came, end };
  }
}
