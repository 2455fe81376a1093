/** The address of the page follows the session, and the session follows the address. */
import { writeAddress } from '../model/address.ts';
import { readLink } from '../model/link.ts';
import type { Session } from '../model/types.ts';
import { announce } from './dom.ts';
import type { Part } from './part.ts';

export function mountAddress(session: Session): Part {
  addEventListener('hashchange', () => {
    if (location.hash === writeAddress(session)) return;
    const link = readLink(location.hash);
    if (link.complaints.length > 0) announce(link.complaints.join(' '));
    session.open(link);
  });

  function update(): void {
    const address = writeAddress(session);
    if (address !== location.hash) history.replaceState(null, '', address);
  }

  return { update };
}
