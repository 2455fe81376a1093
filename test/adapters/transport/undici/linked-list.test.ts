import { describe, expect, test } from 'vitest';

import { LinkedList, type ListNode } from '../../../../adapters/transport/undici/linked-list.ts';

class Member implements ListNode<Member> {
  list: LinkedList<Member> | undefined;
  prev: Member | undefined;
  next: Member | undefined;
}

function listOf(length: number): { list: LinkedList<Member>; members: Member[] } {
  const list = new LinkedList<Member>();
  const members = Array.from({ length }, () => new Member());
  for (const member of members) list.add(member);
  return { list, members };
}

describe('a linked list', () => {
  test('keeps its members in insertion order, whichever are deleted', () => {
    const { list, members } = listOf(4);
    const [first, second, third, last] = members as [Member, Member, Member, Member];
    expect([...list]).toEqual(members);
    expect(list.delete(second)).toBe(true);
    expect([...list]).toEqual([first, third, last]);
    expect(list.delete(last)).toBe(true);
    list.add(second);
    expect([...list]).toEqual([first, third, second]);
    expect(list.delete(first)).toBe(true);
    expect([list.first, list.size]).toEqual([third, 2]);
  });

  test('ignores the deletion of an object that is not a member', () => {
    const { list } = listOf(2);
    const other = listOf(1);
    expect(list.delete(new Member())).toBe(false);
    expect(list.delete(other.members[0]!)).toBe(false);
    expect([list.size, other.list.size]).toEqual([2, 1]);
  });

  test('is iterated to its end even if each member is deleted when it is yielded', () => {
    const { list, members } = listOf(3);
    const seen: Member[] = [];
    for (const member of list) {
      seen.push(member);
      list.delete(member);
    }
    expect(seen).toEqual(members);
    expect([list.size, list.first]).toEqual([0, undefined]);
  });

  test('keeps no reference from or to a deleted member', () => {
    const { list, members } = listOf(3);
    for (const member of members) list.delete(member);
    for (const { list, prev, next } of members) expect([list, prev, next]).toEqual([undefined, undefined, undefined]);
    list.add(members[1]!);
    expect([...list]).toEqual([members[1]]);
  });
});
