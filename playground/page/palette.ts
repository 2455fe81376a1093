/** The colours of the style sheet, in the form that a canvas accepts. */
import type { AttemptRecord, PolicyName } from '../model/types.ts';

const tokens =
  'ink muted line edge card raised accent focus answered failed timed-out cancelled hedged raced kept rejected plain fail-better';

export type Palette = Readonly<Record<string, string>>;

/** Code that draws on a canvas reads the palette at every stroke, because a change of the theme replaces it. */
export let palette: Palette = {};

/** Reads the colours again, as they are inside `place`. The page calls this after every change of the theme. */
export function readPalette(place: Node = document.body): void {
  const probe = place.appendChild(document.createElement('i'));
  palette = Object.fromEntries(
    tokens.split(' ').map((token) => {
      probe.style.color = `var(--${token})`;
      return [token, getComputedStyle(probe).color];
    }),
  );
  probe.remove();
}

const families: Readonly<Record<PolicyName, string>> = {
  timeout: 'wait-less',
  hedge: 'wait-less',
  race: 'wait-less',
  latest: 'wait-less',
  retry: 'fail-better',
  resume: 'fail-better',
  fallback: 'fail-better',
  staleIfError: 'fail-better',
  endpoints: 'degrade-and-reroute',
  breaker: 'load-less',
  limit: 'load-less',
  dedupe: 'once-only',
  idempotency: 'once-only',
};

/** The colour token of the mark of a request that is not the first of its call. */
export const kindColours: Readonly<Record<Exclude<AttemptRecord['kind'], 'first'>, string>> = {
  retry: 'fail-better',
  hedge: 'hedged',
  race: 'raced',
};

/** The CSS colour of a policy's ring. */
export function hueOf(policy: PolicyName): string {
  return `var(--${families[policy]})`;
}
