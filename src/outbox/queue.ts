/**
 * The requests of one outbox in a storage: a list of those that wait, in order, and an entry for each of them. Tabs and
 * processes that share the storage share the list. An entry is written before it is listed, and its outcome before it is
 * taken off: a process that is killed in between leaves a request that is sent once more with the same key, or not at all.
 * It leaves no entry for long: one that is not listed yet ends soon, and one that is given up is deleted before it leaves the
 * list.
 */
import type { SetOptions, Storage, Version } from '../core/storage.ts';
import { noop } from '../lib/noop.ts';
import { parseStored } from '../lib/stored-json.ts';
import { OutboxError } from './outbox-error.ts';
import { emptyList, finite, isEntry, isList, shortestTtl, ttlOf } from './records.ts';
import type { Entry, List, SettledTicket, Ticket } from './records.ts';
import type { StoredRequest } from './stored-request.ts';

export interface Appended {
  readonly ticket: Ticket;
  readonly former: Entry | undefined;
}

/** How many outcomes are kept. */
const keptOutcomes = 100;

/** How long the entry of a request remains that is not listed: its caller has the response, or it is to be listed next, ms. */
const unlistedTtl = 60_000;

export class Queue {
  readonly storage: Storage;
  readonly name: string;
  /** Writers of this process take turns: of many at once, all but one would have to write again. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(storage: Storage, name: string) {
    this.storage = storage;
    this.name = name;
  }

  async waiting(): Promise<readonly Ticket[]> {
    return (await this.#read()).list.waiting;
  }

  /** The outcomes after the given one, oldest first. */
  async settled(after: number): Promise<readonly SettledTicket[]> {
    return (await this.#read()).list.settled.filter(({ n }) => n > after);
  }

  async entry(id: string): Promise<Entry | undefined> {
    return (await this.#readEntry(id))?.entry;
  }

  /** As `entry`, but one that is damaged is one that has failed: it must not hold up the requests after it. */
  async readableEntry({ id, user, method, url }: Ticket): Promise<Entry | undefined> {
    const stored = await this.storage.get(this.#entryKey(id));
    if (stored === undefined) return undefined;
    try {
      return parseStored(this.#entryKey(id), stored.value, isEntry);
    } catch {
      const message = 'The stored request is damaged';
      return {
        request: { method, url, headers: [], init: {}, options: {} },
        user,
        error: { code: 'OUTBOX_FAILED', message },
      };
    }
  }

  /**
   * Resolves to the ticket that is listed, and the entry that there was before, if it waits or is settled.
   *
   * @throws {OutboxError} `OUTBOX_FULL`
   */
  async append(ticket: Ticket, request: StoredRequest, limit: number): Promise<Appended> {
    const { id, user } = ticket;
    for (;;) {
      const present = await this.#readEntry(id);
      const former = present?.entry;
      const listed = former && (await this.waiting()).find((ticket) => ticket.id === id);
      // One with an error is tried again, and one that is not listed was never promised to its caller.
      const isTaken = former !== undefined && (former.user !== user || former.error === undefined);
      if (isTaken && (former.result ?? former.error ?? listed) !== undefined)
        return { ticket: listed ?? ticket, former };
      const entry: Entry = { request, user };
      const ifVersion = await this.#writeEntry(id, entry, { ttl: unlistedTtl, ifVersion: present?.version ?? null });
      if (ifVersion === undefined) continue;
      try {
        await this.#list(ticket, limit);
        const version = await this.#writeEntry(id, entry, { ttl: ttlOf(ticket), ifVersion });
        // Otherwise another process has sent it meanwhile, or this one was frozen for so long that the entry is gone.
        if (version !== undefined) return { ticket, former: undefined };
      } catch (error) {
        await this.storage.delete(this.#entryKey(id), { ifVersion }).catch(noop);
        throw error;
      }
    }
  }

  #list(ticket: Ticket, limit: number): Promise<void> {
    return this.#update((list) => {
      if (list.waiting.some(({ id }) => id === ticket.id)) return undefined;
      if (list.waiting.length >= limit)
        throw new OutboxError(
          'OUTBOX_FULL',
          `${list.waiting.length} requests wait in the outbox, its limit; raise limit, or drop() some of them`,
        );
      const settled = list.settled.filter(({ id }) => id !== ticket.id);
      return { ...list, waiting: [...list.waiting, ticket], settled };
    });
  }

  /** Takes a request off the list whose caller has the response. Another caller with the same id may wait for it. */
  async answered(ticket: Ticket, request: StoredRequest): Promise<void> {
    await this.#writeEntry(ticket.id, { request, user: ticket.user }, { ttl: unlistedTtl });
    await this.#takeOff(ticket.id);
  }

  /** Takes a request off the list. Resolves to whether it was listed. */
  async remove(id: string): Promise<boolean> {
    await this.storage.delete(this.#entryKey(id));
    return this.#takeOff(id);
  }

  async #takeOff(id: string): Promise<boolean> {
    let wasListed = false;
    await this.#update((list) => {
      const without = <T extends Ticket>(tickets: readonly T[]): T[] => tickets.filter((ticket) => ticket.id !== id);
      const [waiting, settled] = [without(list.waiting), without(list.settled)];
      wasListed = waiting.length < list.waiting.length || settled.length < list.settled.length;
      return wasListed ? { ...list, waiting, settled } : undefined;
    });
    return wasListed;
  }

  /** Writes the outcome of a request, and takes it off the list. */
  async settle(ticket: Ticket, entry: Entry): Promise<void> {
    const { id } = ticket;
    await this.#writeEntry(id, entry, { ttl: ttlOf(ticket) });
    const isOwn = (one: Ticket): boolean => one.id === id;
    let isListed = true;
    await this.#update(async (list) => {
      isListed = list.waiting.some(isOwn);
      if (!isListed) {
        isListed = list.settled.some(isOwn); // another process was first
        return undefined;
      }
      const n = Math.max(list.next, Date.now());
      const settled = [...list.settled, { ...ticket, n }];
      await Promise.all(settled.slice(0, -keptOutcomes).map((old) => this.storage.delete(this.#entryKey(old.id))));
      return {
        next: n + 1,
        waiting: list.waiting.filter((one) => !isOwn(one)),
        settled: settled.slice(-keptOutcomes),
      };
    });
    if (!isListed) await this.storage.delete(this.#entryKey(id)); // it was dropped
  }

  /** Notes a try in vain. */
  async postpone(id: string, pause: number): Promise<void> {
    await this.#update((list) => ({
      ...list,
      waiting: list.waiting.map((ticket) =>
        ticket.id === id
          ? { ...ticket, tries: (ticket.tries ?? 0) + 1, tried: Date.now(), pause: finite(pause) }
          : ticket,
      ),
    }));
  }

  #update(change: (list: List) => List | undefined | Promise<List | undefined>): Promise<void> {
    const done = this.#turn.then(async () => {
      for (;;) {
        const { list, version } = await this.#read();
        const changed = await change(list);
        if (changed === undefined) return;
        const ttl = Math.max(shortestTtl, ...[...changed.waiting, ...changed.settled].map(ttlOf));
        const options = { ttl, ifVersion: version };
        if ((await this.storage.set(this.#listKey, JSON.stringify(changed), options)) !== undefined) return;
      }
    });
    this.#turn = done.catch(noop);
    return done;
  }

  async #read(): Promise<{ list: List; version: Version | null }> {
    const stored = await this.storage.get(this.#listKey);
    if (stored === undefined) return { list: emptyList, version: null };
    return { list: parseStored(this.#listKey, stored.value, isList), version: stored.version };
  }

  async #readEntry(id: string): Promise<{ entry: Entry; version: Version } | undefined> {
    const stored = await this.storage.get(this.#entryKey(id));
    return stored && { entry: parseStored(this.#entryKey(id), stored.value, isEntry), version: stored.version };
  }

  #writeEntry(id: string, entry: Entry, options: SetOptions): Promise<Version | undefined> {
    return this.storage.set(this.#entryKey(id), JSON.stringify(entry), options);
  }

  get #listKey(): string {
    return `outbox ${JSON.stringify([this.name])}`;
  }

  #entryKey(id: string): string {
    return `outbox entry ${JSON.stringify([this.name, id])}`;
  }
}
