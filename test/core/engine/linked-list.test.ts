import { describe, expect, test } from 'vitest';

import { LinkedList, type ListNode } from '../../../src/core/engine/linked-list.ts';

class Member implements ListNode<Member> {
  list: LinkedList<Member> | undefined;
  prev: Member | undefined;
  next: Member | undefined;
}

function start(length: number): { line: LinkedList<Member>; members: Member[] } {
  const line = new LinkedList<Member>();
  const members = Array.from({ length }, () => new Member());
  for (const member of members) line.add(member);
  return { line, members };
}

describe('a line', () => {
  test('keeps the order of coming, whoever leaves', () => {
    const { line, members } = start(4);
    const [first, second, third, last] = members as [Member, Member, Member, Member];
    expect([...line]).toEqual(members);
    expect(line.delete(second)).toBe(true);
    expect([...line]).toEqual([first, third, last]);
    expect(line.delete(last)).toBe(true);
    line.add(second);
    expect([...line]).toEqual([first, third, second]);
    expect(line.delete(first)).toBe(true);
    expect([line.first, line.size]).toEqual([third, 2]);
  });

  test('is not left by who is not in it', () => {
    const { line } = start(2);
    const other = start(1);
    expect(line.delete(new Member())).toBe(false);
    expect(line.delete(other.members[0]!)).toBe(false);
    expect([line.size, other.line.size]).toEqual([2, 1]);
  });

  test('goes on to the next when the one at hand leaves', () => {
    const { line, members } = start(3);
    const seen: Member[] = [];
    for (const member of line) {
      seen.push(member);
      line.delete(member);
    }
    expect(seen).toEqual(members);
    expect([line.size, line.first]).toEqual([0, undefined]);
  });

  test('holds on to nobody who has left', () => {
    const { line, members } = start(3);
    for (const member of members) line.delete(member);
    for (const { list, prev, next } of members) expect([list, prev, next]).toEqual([undefined, undefined, undefined]);
    line.add(members[1]!);
    expect([...line]).toEqual([members[1]]);
  });
});
