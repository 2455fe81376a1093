/**
 * Who is out for having failed: consecutive failures eject, for longer each time, never too many at once; they come
 * back by the clock, without timers. After Envoy's outlier detection.
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier
 */
import { duration, positive, ratio, type Shape } from '../../core/options.ts';

export interface EjectOptions {
  /** So many in a row: network errors, timeouts and answers of 500 and above. @default 5, as Envoy's */
  readonly failures?: number;
  /** ms, times the number of ejections, ten at most. @default 30_000, as Envoy's */
  readonly for?: number;
  /** Of the endpoints with a weight, no more are ejected at a time, 0..1; one always stays. @default 0.5 */
  readonly share?: number;
}

/** What is known of one of them; read by everybody, written here. */
export interface Health {
  /** In a row. */
  failures: number;
  /** How often ejected, less what good conduct has made forgotten. */
  ejections: number;
  /** When it comes back, or came back, on the clock of `performance.now()`. */
  until: number;
  /** Until `returning` has said that it is back. */
  out: boolean;
}

export type EjectionRule = Required<EjectOptions>;

export interface OutlierDetection<Member extends Health> {
  /** Whether that one failure more ejects it, and for how long, ms. */
  failed(member: Member, list: readonly Member[]): number | undefined;
  succeeded(member: Member): void;
  isOut(member: Member): boolean;
  /** Those whose time has come, each of them once; and those that are too many out since the list has changed. */
  returning(list: readonly Member[]): readonly Member[];
}

/** Envoy's `max_ejection_time` is ten times its `base_ejection_time`. */
const mostTimes = 10;

export const ejectShape: Shape<EjectionRule> = {
  failures: [positive, 5],
  for: [duration, 30_000],
  share: [ratio, 0.5],
};

export function healthy(): Health {
  return { failures: 0, ejections: 0, until: 0, out: false };
}

export function outlierDetection<Member extends Health>(eject: EjectionRule | false): OutlierDetection<Member> {
  const rule = eject || { failures: Infinity, for: 1, share: 0 };
  const isOut = ({ out, until }: Member): boolean => out && performance.now() < until;

  /** At least one always stays. 0.29 * 100 is 28.999999999999996, which must not be 28. */
  const most = (size: number): number => Math.min(Math.floor(rule.share * size + 1e-9), size - 1);

  const comeBack = (member: Member): Member => {
    member.out = false;
    member.until = Math.min(member.until, performance.now());
    // On probation: the next failure ejects it again, the next success clears it.
    member.failures = rule.failures - 1;
    return member;
  };

  return {
    failed(member, list) {
      member.failures += 1;
      if (member.failures < rule.failures || member.out || !list.includes(member)) return undefined;
      if (list.filter(isOut).length >= most(list.length)) return undefined;
      const forgotten = Math.floor((performance.now() - member.until) / rule.for);
      member.ejections = Math.min(Math.max(0, member.ejections - forgotten) + 1, mostTimes);
      const time = rule.for * member.ejections;
      member.until = performance.now() + time;
      member.out = true;
      return time;
    },
    succeeded(member) {
      member.failures = 0;
    },
    isOut,
    returning(list) {
      const out = list.filter((member) => member.out).toSorted((a, b) => a.until - b.until);
      const due = out.filter((member) => !isOut(member)).length;
      return out.slice(0, Math.max(due, out.length - Math.max(0, most(list.length)))).map(comeBack);
    },
  };
}
