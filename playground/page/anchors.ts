/** Links within the page: they move the eye and the focus, and leave the address to the configuration it holds. */
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
