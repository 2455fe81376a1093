/** A list of endpoints that may be replaced while calls run, with the state of each endpoint. */
import { invalid, array, knownKeys } from '../../core/options.ts';
import { healthy, type OutlierDetection, type Health } from './outlier-detection.ts';
import type { Series } from '../../lib/latency/history.ts';
import type { Candidate } from './load-balancer.ts';
import { baseOf } from '../../lib/resend.ts';

/**
 * One endpoint of the list of `endpoints()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/endpoints.md
 */
export interface Endpoint {
  /** Replaces the origin of the request's URL; its path is prepended to the request's path. */
  readonly url: string;
  /** Its share of the calls, relative to the other weights; 0 for no calls. @default 1 */
  readonly weight?: number | undefined;
  readonly zone?: string | undefined;
}

/**
 * The present state of one endpoint.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/endpoints.md
 */
export interface EndpointSnapshot {
  readonly url: string;
  readonly weight: number;
  readonly zone?: string;
  readonly state: 'available' | 'ejected';
  /** Consecutive failures. One more failure ejects an endpoint that has just returned. */
  readonly failures: number;
  /** Calls whose response has not been read to its end. */
  readonly inFlight: number;
  /** Mean time to the headers of the last 20 responses, ms; absent before the first. */
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
  /** The endpoints with a weight above 0. */
  readonly usable: readonly EndpointState[];
  readonly update: (endpoints: readonly Endpoint[]) => void;
  readonly snapshot: (health: OutlierDetection<EndpointState>) => readonly EndpointSnapshot[];
}

/** @throws {KyoaError} `INVALID_OPTION`, also from `update`, which then changes nothing */
export function endpointList(endpoints: readonly Endpoint[]): EndpointList {
  let all: readonly EndpointState[] = [];
  let usable: readonly EndpointState[] = [];

  const update: EndpointList['update'] = (endpoints) => {
    const parsed = parse(endpoints);
    const previous = new Map(all.map((endpoint) => [endpoint.base, endpoint]));
    all = parsed.map(({ base, ...given }) => Object.assign(previous.get(base) ?? newEndpoint(base), given));
    usable = all.filter(({ weight }) => weight > 0);
  };

  update(endpoints);
  return {
    get usable() {
      return usable;
    },
    update,
    snapshot: (health) => all.map((endpoint) => snapshotOf(endpoint, health.isEjected(endpoint))),
  };
}

/** Counts a call as in flight, until the returned function is called for the first time. */
export function beginCall(endpoint: EndpointState): () => void {
  endpoint.inFlight += 1;
  let inFlight = true;
  return () => {
    if (inFlight) endpoint.inFlight -= 1;
    inFlight = false;
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
      const samples = this.series?.window.samples ?? [];
      return samples.length === 0 ? undefined : samples.reduce((sum, ms) => sum + ms, 0) / samples.length;
    },
  };
}

function snapshotOf(endpoint: EndpointState, isEjected: boolean): EndpointSnapshot {
  const { url, weight, zone, failures, inFlight, latency } = endpoint;
  const state = isEjected ? 'ejected' : 'available';
  const optional = { ...(zone !== undefined && { zone }), ...(latency !== undefined && { latency }) };
  return { url, weight, state, failures, inFlight, ...optional };
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
  const duplicate = all.find(({ base }, index) => bases.indexOf(base) < index);
  if (duplicate !== undefined) throw invalid('endpoints url', duplicate.url, 'listed once');
  return all;
}

export function zoneName(option: string, zone: string): string {
  if (typeof zone === 'string' && zone !== '') return zone;
  throw invalid(option, zone, 'a name');
}
