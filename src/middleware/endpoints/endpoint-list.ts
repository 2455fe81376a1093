/** A list of endpoints that may be replaced while calls run, and what is known of each of them. */
import { invalid, array, knownKeys } from '../../core/options.ts';
import { healthy, type OutlierDetection, type Health } from './outlier-detection.ts';
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

export interface EndpointState extends Health, Candidate {
  readonly base: string;
  url: string;
  weight: number;
  zone: string | undefined;
  inFlight: number;
  lastUsed: number;
  series: Series | undefined;
}

export interface EndpointList {
  /** Those with a weight. */
  readonly usable: readonly EndpointState[];
  readonly update: (endpoints: readonly Endpoint[]) => void;
  readonly snapshot: (health: OutlierDetection<EndpointState>) => readonly EndpointSnapshot[];
}

/** @throws {KyoaError} `INVALID_OPTION`, also from `update`, which then changes nothing */
export function endpointList(endpoints: readonly Endpoint[]): EndpointList {
  let members: readonly EndpointState[] = [];
  let usable: readonly EndpointState[] = [];

  const update: EndpointList['update'] = (endpoints) => {
    const facts = parse(endpoints);
    const known = new Map(members.map((member) => [member.base, member]));
    members = facts.map(({ base, ...given }) => Object.assign(known.get(base) ?? newEndpoint(base), given));
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
export function beginCall(member: EndpointState): () => void {
  member.lastUsed = performance.now();
  member.inFlight += 1;
  let inside = true;
  return () => {
    if (inside) member.inFlight -= 1;
    inside = false;
  };
}

function newEndpoint(base: string): EndpointState {
  return {
    ...healthy(),
    base,
    url: base,
    weight: 1,
    zone: undefined,
    inFlight: 0,
    lastUsed: 0,
    series: undefined,
    get latency() {
      const past = this.series?.window.samples ?? [];
      return past.length === 0 ? undefined : past.reduce((sum, ms) => sum + ms, 0) / past.length;
    },
  };
}

function show({ url, weight, zone, failures, inFlight, latency }: EndpointState, isOut: boolean): EndpointSnapshot {
  const state = isOut ? 'ejected' : 'available';
  const known = { ...(zone !== undefined && { zone }), ...(latency !== undefined && { latency }) };
  return { url, weight, state, failures, inFlight, ...known };
}

function parse(endpoints: readonly Endpoint[]) {
  const all = array('endpoints', endpoints).map((endpoint) => {
    const { url, weight = 1, zone } = knownKeys('endpoints endpoint', endpoint, ['url', 'weight', 'zone']);
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
