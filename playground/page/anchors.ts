/** Links within the page. They scroll and move the focus, but keep the hash of the address, which has the configuration. */
import { byId } from './dom.ts';

export function mountAnchors(): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>('a[href^="#"]')) {
    link.addEventListener('click', (event) => {
      event.preventDefault();
      const target = byId(link.hash.slice(1));
      target.focus({ preventScroll: true });
      target.scrollIntoView({ block: 'start' });
    });
  }
}
