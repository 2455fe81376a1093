/**
 * Members in the order of their coming, any of whom may leave. A Set would do, but one that grows and shrinks with every
 * request leaves its former tables behind, each with a link to the next: one that has got old keeps every request since
 * then alive until a full collection, which costs as much as the requests.
 */
export class Line<Member extends InLine<Member>> implements Iterable<Member> {
  size = 0;
  first: Member | undefined;
  #last: Member | undefined;

  add(member: Member): void {
    member.line = this;
    member.ahead = this.#last;
    if (this.#last === undefined) this.first = member;
    else this.#last.behind = member;
    this.#last = member;
    this.size += 1;
  }

  /** Whether it was in this line. */
  delete(member: Member): boolean {
    if (member.line !== this) return false;
    const { ahead, behind } = member;
    if (ahead === undefined) this.first = behind;
    else ahead.behind = behind;
    if (behind === undefined) this.#last = ahead;
    else behind.ahead = ahead;
    member.line = member.ahead = member.behind = undefined;
    this.size -= 1;
    return true;
  }

  /** The one at hand may leave meanwhile. */
  *[Symbol.iterator](): Iterator<Member> {
    for (let member = this.first; member !== undefined;) {
      const { behind } = member;
      yield member;
      member = behind;
    }
  }
}

/** What a line notes on its members; they are in one at a time. */
export interface InLine<Member extends InLine<Member>> {
  line: Line<Member> | undefined;
  ahead: Member | undefined;
  behind: Member | undefined;
}
