/**
 * Members in the order of their coming, any of whom may leave. A Set would do, but one that grows and shrinks with every
 * request leaves its former tables behind, each with a link to the next: one that has got old keeps every request since
 * then alive until a full collection, which costs as much as the requests.
 */
export class LinkedList<Member extends ListNode<Member>> implements Iterable<Member> {
  size = 0;
  first: Member | undefined;
  #last: Member | undefined;

  add(member: Member): void {
    member.list = this;
    member.prev = this.#last;
    if (this.#last === undefined) this.first = member;
    else this.#last.next = member;
    this.#last = member;
    this.size += 1;
  }

  /** Whether it was in this line. */
  delete(member: Member): boolean {
    if (member.list !== this) return false;
    const { prev, next } = member;
    if (prev === undefined) this.first = next;
    else prev.next = next;
    if (next === undefined) this.#last = prev;
    else next.prev = prev;
    member.list = member.prev = member.next = undefined;
    this.size -= 1;
    return true;
  }

  /** The one at hand may leave meanwhile. */
  *[Symbol.iterator](): Iterator<Member> {
    for (let member = this.first; member !== undefined;) {
      const { next } = member;
      yield member;
      member = next;
    }
  }
}

/** What a line notes on its members; they are in one at a time. */
export interface ListNode<Member extends ListNode<Member>> {
  list: LinkedList<Member> | undefined;
  prev: Member | undefined;
  next: Member | undefined;
}
