/** The address of the page. `readLink` reads it. */
import { writeLink } from './link.ts';
import type { Session } from './types.ts';

/** The hash of a session: that of its step, of its configuration, or of both. */
export function writeAddress({
  place,
  isChanged,
  configuration,
}: Pick<Session, 'place' | 'isChanged' | 'configuration'>): string {
  if (place === undefined) return writeLink(configuration);
  const step = `#${place.scenario}/${place.step}`;
  return isChanged ? `${step}&${writeLink(configuration).slice(1)}` : step;
}
