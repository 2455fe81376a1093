/** The light or dark theme: the system's preference, until the visitor chooses one. */
import { byId, icon, set } from './dom.ts';

const moon = 'M13 9.5A5.5 5.5 0 016.5 3 5.5 5.5 0 1013 9.5z';
const sun =
  'M8 5.2a2.8 2.8 0 100 5.6 2.8 2.8 0 000-5.6zM8 1v1.4M8 13.6V15M1 8h1.4M13.6 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1';

export function mountTheme(changed: () => void): void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const root = document.documentElement;
  const button = byId('theme');
  root.dataset['theme'] = localStorage.getItem('kyoa theme') ?? '';
  const isDark = (): boolean => (root.dataset['theme'] ? root.dataset['theme'] === 'dark' : system.matches);

  function show(): void {
    set(button, { 'aria-label': isDark() ? 'Use light colours' : 'Use dark colours' });
    button.replaceChildren(icon(isDark() ? sun : moon));
    changed();
  }

  button.addEventListener('click', () => {
    root.dataset['theme'] = isDark() ? 'light' : 'dark';
    localStorage.setItem('kyoa theme', root.dataset['theme']);
    show();
  });
  system.addEventListener('change', show);
  show();
}
