/**
 * Links to a part of the page. They scroll and move the focus, but keep the hash of the address, which has the
 * configuration. A hash with a slash is the address of a step.
 */
import { byId } from './dom.ts';

export function mountAnchors(): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>('a[href^="#"]:not([href*="/"])')) {
    link.addEventListener('click', (event) => {
      event.preventDefault();
      const target = byId(link.hash.slice(1));
      target.focus({ preventScroll: true });
      target.scrollIntoView({ block: 'start' });
    });
  }
}
