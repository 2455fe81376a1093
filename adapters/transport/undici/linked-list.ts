/**
 * A list in insertion order, from which any member is deleted in constant time. A Set would do, but a Set that grows and
 * shrinks with every request leaves its former tables behind, each with a link to the next. Once one of them is in the old
 * space, it keeps every later request alive until a full collection, which costs as much as the requests.
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

  addFirst(member: Member): void {
    member.list = this;
    member.next = this.first;
    if (this.first === undefined) this.#last = member;
    else this.first.prev = member;
    this.first = member;
    this.size += 1;
  }

  /** Returns whether the member was in this list. */
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

  /** The member that was yielded last may be deleted before the next one is requested. */
  *[Symbol.iterator](): Iterator<Member> {
    for (let member = this.first; member !== undefined;) {
      const { next } = member;
      yield member;
      member = next;
    }
  }
}

/** The list's links, on the member itself. A member is in one list at a time. */
export interface ListNode<Member extends ListNode<Member>> {
  list: LinkedList<Member> | undefined;
  prev: Member | undefined;
  next: Member | undefined;
}
