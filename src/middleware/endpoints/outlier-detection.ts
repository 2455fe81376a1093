/**
 * Ejects endpoints that keep failing. Consecutive failures eject an endpoint, for longer each time, and only a share of
 * the endpoints is ejected at the same time. An endpoint returns by the clock, so no timer is needed. After Envoy's
 * outlier detection.
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier
 */
import { duration, positive, ratio, type Settings, type Shape } from '../../core/options.ts';

/**
 * The options of `eject` of `endpoints()`: when an endpoint receives no calls, and for how long.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/endpoints.md#options
 */
export interface EjectOptions {
  /** Consecutive network errors, timeouts and statuses of 500 and above that eject it. @default 5, as Envoy's */
  readonly failures?: number | undefined;
  /** How long an ejection lasts, ms, times the number of ejections, ten at most. @default 30_000, as Envoy's */
  readonly for?: number | undefined;
  /** The share of the weighted endpoints that may be ejected at a time, 0..1; one always remains. @default 0.5 */
  readonly share?: number | undefined;
}

/** The health of one endpoint. Only this file writes it. */
export interface Health {
  /** Consecutive failures. */
  failures: number;
  /** How often the endpoint was ejected, less one for each `for` ms that it was available afterwards. */
  ejections: number;
  /** The end of the present or last ejection, ms on the clock of `performance.now()`. */
  until: number;
  /** Set by an ejection and cleared by `readmit`, which may be later than `until`. */
  ejected: boolean;
}

export type EjectionRule = Settings<EjectOptions>;

export interface OutlierDetection<Member extends Health> {
  /** Records a failure. If it ejects the member, returns the duration of the ejection, ms. */
  failed(member: Member, list: readonly Member[]): number | undefined;
  succeeded(member: Member): void;
  isEjected(member: Member): boolean;
  /**
   * Ends the ejections that are over, and those above the share after the list has changed. Returns the members that
   * are available again, each of them once.
   */
  readmit(list: readonly Member[]): readonly Member[];
}

/** Envoy's `max_ejection_time` is ten times its `base_ejection_time`. */
const maxMultiplier = 10;

export const ejectShape: Shape<EjectionRule> = {
  failures: [positive, 5],
  for: [duration, 30_000],
  share: [ratio, 0.5],
};

export function healthy(): Health {
  return { failures: 0, ejections: 0, until: 0, ejected: false };
}

export function outlierDetection<Member extends Health>(eject: EjectionRule | false): OutlierDetection<Member> {
  const rule = eject || { failures: Infinity, for: 1, share: 0 };
  const isEjected = ({ ejected, until }: Member): boolean => ejected && performance.now() < until;

  /** One endpoint always remains. 0.29 * 100 is 28.999999999999996, which must not become 28. */
  const maxEjected = (size: number): number => Math.min(Math.floor(rule.share * size + 1e-9), size - 1);

  const makeAvailable = (member: Member): Member => {
    member.ejected = false;
    member.until = Math.min(member.until, performance.now());
    // The next failure ejects the endpoint again; the next success clears it.
    member.failures = rule.failures - 1;
    return member;
  };

  return {
    failed(member, list) {
      member.failures += 1;
      if (member.failures < rule.failures || member.ejected || !list.includes(member)) return undefined;
      if (list.filter(isEjected).length >= maxEjected(list.length)) return undefined;
      const forgotten = Math.floor((performance.now() - member.until) / rule.for);
      member.ejections = Math.min(Math.max(0, member.ejections - forgotten) + 1, maxMultiplier);
      const duration = rule.for * member.ejections;
      member.until = performance.now() + duration;
      member.ejected = true;
      return duration;
    },
    succeeded(member) {
      member.failures = 0;
    },
    isEjected,
    readmit(list) {
      const ejected = list.filter((member) => member.ejected).toSorted((a, b) => a.until - b.until);
      const due = ejected.filter((member) => !isEjected(member)).length;
      const excess = ejected.length - Math.max(0, maxEjected(list.length));
      return ejected.slice(0, Math.max(due, excess)).map(makeAvailable);
    },
  };
}
