/** Recognizes the events that a server repeats at the beginning of a new connection. */
import type { ParsedEvent } from './parser.ts';

/** How many events are remembered. */
const most = 100;

/**
 * A server may begin a new connection with events that it has sent before: those after an id that it has stored, or the
 * last one again. They are the end of what was received, in the same order. An id alone does not prove it: the counter of
 * a server that was restarted begins anew. So type and data must be equal, too.
 */
export class RepeatedEvents {
  readonly #events: string[] = [];
  /** Where the next event is if it is a repeat; -1: anywhere; `undefined`: it is none. */
  #next: number | undefined;

  /** A new connection begins. */
  connected(): void {
    this.#next = this.#events.length === 0 ? undefined : -1;
  }

  /** Whether the event is a repeat. An event without an id of its own is none, and is not remembered. */
  isRepeat({ id, event, data }: ParsedEvent): boolean {
    if (id === undefined || id === '') return false;
    const known = `${id}\n${event}\n${hash(data)}`;
    if (this.#next !== undefined) {
      const index = this.#next < 0 ? this.#events.lastIndexOf(known) : this.#next;
      const isRepeat = index >= 0 && this.#events[index] === known;
      this.#next = isRepeat ? index + 1 : undefined;
      if (isRepeat) return true;
    }
    this.#events.push(known);
    if (this.#events.length > most) this.#events.shift();
    return false;
  }
}

/** FNV-1a of 32 bits: a few bytes in place of data that may be long. */
function hash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}
