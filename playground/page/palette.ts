/** The colours of the style sheet, as a canvas understands them. */
import type { PolicyName } from '../model/types.ts';

const tokens =
  'ink muted line edge card raised accent focus answered failed timed-out cancelled hedged kept rejected plain fail-better';

export type Palette = Readonly<Record<string, string>>;

/** What is drawn on a canvas reads this at every stroke. */
export let palette: Palette = {};

/** To be called whenever the theme may have changed. */
export function readPalette(): void {
  const probe = document.body.appendChild(document.createElement('i'));
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
  fallback: 'fail-better',
  staleIfError: 'fail-better',
  endpoints: 'degrade-and-reroute',
  breaker: 'load-less',
  limit: 'load-less',
  dedupe: 'once-only',
  idempotency: 'once-only',
};

/** The colour of a policy's skin, for a style sheet. */
export function hueOf(policy: PolicyName): string {
  return `var(--${families[policy]})`;
}
