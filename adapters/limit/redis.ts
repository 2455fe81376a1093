/** Shared limits in Redis 5 or later, or Valkey, through the client that the application has. */
import { encodeText } from '../../src/core/engine/storage-text.ts';
import type { Across } from '../../src/core/shared-limits.ts';
import { hashTag, script, scriptRunner, type RedisClient } from '../storage/redis-scripts.ts';
import { memberTime, waitTime, type Ledger } from './ledger.ts';
import { sharedLimits, type SharedOptions } from './shared.ts';

/** The server's time in ms, with a fraction; and the processes that have asked lately, this one included. */
const prologue = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + time[2] / 1000
  local function members(key, member)
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - ${memberTime})
    redis.call('ZADD', key, now, member)
    redis.call('PEXPIRE', key, ${memberTime})
    return redis.call('ZCARD', key)
  end
`;

/**
 * The generic cell rate algorithm. The key holds when all units will be free again, and since when some have not been. A
 * time further ahead than all members could have reserved is that of another clock.
 */
const take = script(`${prologue}
  local units, back, since, owed = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  local interval, burst, window = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
  local count = members(KEYS[2], ARGV[1])
  now = tonumber(string.format('%.3f', now))

  local free, begun = string.match(redis.call('GET', KEYS[1]) or '', '(%S+) (%S+)')
  free, begun = tonumber(free or now), tonumber(begun or now)
  free = math.min(free, now + (count + 2) * window)
  if since >= begun then free = free - back * interval end
  if free <= now then
    free, begun = now, now
  end
  free = free + (owed + units) * interval
  if free > now then
    local value = string.format('%.3f %.3f', free, begun)
    redis.call('SET', KEYS[1], value, 'PX', string.format('%.0f', math.ceil(free - now)))
  else
    redis.call('DEL', KEYS[1])
  end
  local wait = math.max(0, free - now - math.max(burst, units) * interval)
  return { string.format('%.3f', wait), count, string.format('%.3f', now) }
`);

/**
 * The hash holds the permits of each process and how many it wants; the sorted set, when its lease expires. Each process
 * gets what it wants, as far as that leaves an equal share to each of the others. With fewer permits than processes, one
 * that has a permit leaves it to one that has none.
 */
const hold = script(`${prologue}
  local member, running, want = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
  local count, lease = tonumber(ARGV[4]), tonumber(ARGV[5])
  for _, expired in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
    redis.call('HDEL', KEYS[1], expired)
    redis.call('ZREM', KEYS[2], expired)
  end

  local others, wants, former, short = {}, { want }, 0, 0
  local all = redis.call('HGETALL', KEYS[1])
  for index = 1, #all, 2 do
    local held, wanted = string.match(all[index + 1], '(%d+) (%d+)')
    held, wanted = tonumber(held), tonumber(wanted)
    if all[index] == member then
      former = held
    else
      others[#others + 1] = { held, wanted }
      wants[#wants + 1] = wanted
      if held < wanted then short = 1 end
    end
  end

  -- What a process does not want of its equal share is shared by the others.
  table.sort(wants)
  local left, share = count, count
  for index, wanted in ipairs(wants) do
    share = left / (#wants - index + 1)
    if wanted > share then break end
    left = left - wanted
    share = count
  end
  local least = math.floor(share)
  if least == 0 and former > 0 then least = 1 end
  local free = count
  for _, other in ipairs(others) do
    free = free - math.max(other[1], math.min(other[2], least))
  end

  local permits = math.max(0, math.min(want, math.ceil(share), free))
  local held = math.max(permits, running)
  if held == 0 and want == 0 then
    redis.call('HDEL', KEYS[1], member)
    redis.call('ZREM', KEYS[2], member)
  else
    redis.call('HSET', KEYS[1], member, held .. ' ' .. want)
    redis.call('ZADD', KEYS[2], now + (held > 0 and lease or ${waitTime}), member)
    redis.call('PEXPIRE', KEYS[1], lease)
    redis.call('PEXPIRE', KEYS[2], lease)
  end
  return { permits, members(KEYS[3], member), short }
`);

const pause = script(`${prologue}
  local ends = tonumber(redis.call('GET', KEYS[1]) or 0)
  local asked = now + tonumber(ARGV[2])
  if asked > now and asked > ends then
    ends = asked
    redis.call('SET', KEYS[1], string.format('%.3f', ends), 'PX', string.format('%.0f', math.ceil(ends - now)))
  end
  return { string.format('%.3f', math.max(0, ends - now)), members(KEYS[2], ARGV[1]) }
`);

/**
 * Limits that all processes share which use the same Redis: for `limit({ across })`. They follow the clock of the server.
 * A process reserves starts in slices, and holds permits under a lease. While Redis is unreachable, each process
 * has an equal share of the limit, and no call fails for that. It neither connects nor closes the client.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import kyoa, { limit } from 'kyoa';
 * import { shared } from 'kyoa/redis';
 * import { createClient } from 'redis';
 *
 * const fleet = shared(await createClient().connect(), { prefix: 'github' });
 * const api = kyoa.extend({ use: [limit({ rate: { count: 5_000, window: 3_600_000 }, across: fleet })] });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/fleet.md#shared-limits
 */
export function shared(client: RedisClient, options: SharedOptions = {}): Across {
  const run = scriptRunner(client);
  return sharedLimits(options, (prefix) => ledger(run, prefix));
}

function ledger(run: ReturnType<typeof scriptRunner>, prefix: string): Ledger {
  // All keys of a limit are on one node of a cluster, as a script requires. The limits are spread over the nodes.
  const keys = (key: string, ...kinds: string[]): string[] =>
    kinds.map((kind) => `${hashTag(prefix + encodeText(key))}${kind}`);
  const texts = (...values: (string | number)[]): string[] => values.map(String);

  return {
    async take(key, member, { units, back, since, owed, interval, burst, window }) {
      const args = texts(member, units, back, since, owed, interval, burst, window);
      const [wait, members, now] = numbers(await run(take, keys(key, 'rate', 'members'), args));
      return { wait, members, now };
    },
    async hold(key, member, { running, want, count, lease }) {
      const args = texts(member, running, want, count, lease);
      const [permits, members, short] = numbers(await run(hold, keys(key, 'held', 'leases', 'members'), args));
      return { permits, members, short: short === 1 };
    },
    async pause(key, member, ms) {
      const [left, members] = numbers(await run(pause, keys(key, 'pause', 'members'), texts(member, ms)));
      return { left, members };
    },
  };
}

/** A client may be configured to return Buffers. */
function numbers(reply: unknown): [number, number, number] {
  return (reply as unknown[]).map((value) => Number(String(value))) as [number, number, number];
}
