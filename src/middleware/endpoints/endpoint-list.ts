/** A list of endpoints that may be replaced while calls run, and what is known of each of them. */
import { invalid, list, record } from '../../core/options.ts';
import { healthy, type Ejection, type Health } from './outlier-detection.ts';
import type { Series } from '../../lib/latency/history.ts';
import type { Candidate } from './load-balancer.ts';
import { baseOf } from '../../lib/request/rewrite-url.ts';

export interface Endpoint {
  /** Takes the place of the origin of a request's URL; a path of its own goes before the request's. */
  readonly url: string;
  /** Its share of the calls, in relation to the others; 0 for none. @default 1 */
  readonly weight?: number;
  readonly zone?: string;
}

export interface EndpointSnapshot {
  readonly url: string;
  readonly weight: number;
  readonly zone?: string;
  readonly state: 'available' | 'ejected';
  /** In a row. One that has just come back is one failure away from the next ejection. */
  readonly failures: number;
  /** Calls whose answer has not been read to its end. */
  readonly inFlight: number;
  /** To the headers, mean of the last 20, ms; absent while nothing is known. */
  readonly latency?: number;
}

export interface Member extends Health, Candidate {
  readonly base: string;
  url: string;
  weight: number;
  zone: string | undefined;
  inFlight: number;
  asked: number;
  series: Series | undefined;
}

export interface Roster {
  /** Those with a weight. */
  readonly usable: readonly Member[];
  readonly update: (endpoints: readonly Endpoint[]) => void;
  readonly snapshot: (health: Ejection<Member>) => readonly EndpointSnapshot[];
}

/** @throws {KyoaError} `INVALID_OPTION`, also from `update`, which then changes nothing */
export function createRoster(endpoints: readonly Endpoint[]): Roster {
  let members: readonly Member[] = [];
  let usable: readonly Member[] = [];

  const update: Roster['update'] = (endpoints) => {
    const facts = parse(endpoints);
    const known = new Map(members.map((member) => [member.base, member]));
    members = facts.map(({ base, ...given }) => Object.assign(known.get(base) ?? newcomer(base), given));
    usable = members.filter(({ weight }) => weight > 0);
  };

  update(endpoints);
  return {
    get usable() {
      return usable;
    },
    update,
    snapshot: (health) => members.map((member) => show(member, health.isOut(member))),
  };
}

/** A call begins; the function that is returned ends it, once. */
export function enter(member: Member): () => void {
  member.asked = performance.now();
  member.inFlight += 1;
  let inside = true;
  return () => {
    if (inside) member.inFlight -= 1;
    inside = false;
  };
}

function newcomer(base: string): Member {
  return {
    ...healthy(),
    base,
    url: base,
    weight: 1,
    zone: undefined,
    inFlight: 0,
    asked: 0,
    series: undefined,
    get latency() {
      const past = this.series?.window.samples ?? [];
      return past.length === 0 ? undefined : past.reduce((sum, ms) => sum + ms, 0) / past.length;
    },
  };
}

function show({ url, weight, zone, failures, inFlight, latency }: Member, isOut: boolean): EndpointSnapshot {
  const state = isOut ? 'ejected' : 'available';
  const known = { ...(zone !== undefined && { zone }), ...(latency !== undefined && { latency }) };
  return { url, weight, state, failures, inFlight, ...known };
}

function parse(endpoints: readonly Endpoint[]) {
  const all = list('endpoints', endpoints).map((endpoint) => {
    const { url, weight = 1, zone } = record('endpoints endpoint', endpoint, ['url', 'weight', 'zone']);
    const base = baseOf(url);
    if (base === undefined) throw invalid('endpoints url', url, 'an http URL without credentials, query and hash');
    if (typeof weight !== 'number' || !(weight >= 0 && weight < Infinity))
      throw invalid('endpoints weight', weight, 'a number of 0 or more');
    return { base, url, weight, zone: zone === undefined ? undefined : zoneName('endpoints zone', zone) };
  });
  if (!all.some(({ weight }) => weight > 0)) throw invalid('endpoints', endpoints, 'a list with a weight above 0');
  const bases = all.map(({ base }) => base);
  const twice = all.find(({ base }, index) => bases.indexOf(base) < index);
  if (twice !== undefined) throw invalid('endpoints url', twice.url, 'listed once');
  return all;
}

export function zoneName(option: string, zone: string): string {
  if (typeof zone === 'string' && zone !== '') return zone;
  throw invalid(option, zone, 'a name');
}
