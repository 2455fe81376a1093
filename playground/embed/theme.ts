/** The theme of an element: that of the page which contains it. */

/** Sets `data-theme` of the element, and again whenever the theme of the page changes. */
export function watchTheme(element: HTMLElement, changed: () => void, signal: AbortSignal): void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const root = document.documentElement;
  const update = (): void => {
    element.dataset['theme'] = themeOf(root) ?? (system.matches ? 'dark' : 'light');
    changed();
  };
  const observer = new MutationObserver(update);
  observer.observe(root, { attributeFilter: ['class', 'data-theme', 'style'] });
  signal.addEventListener('abort', () => observer.disconnect());
  system.addEventListener('change', update, { signal });
  update();
}

/** `undefined` if the page follows the system. */
function themeOf(root: HTMLElement): 'dark' | 'light' | undefined {
  const { colorScheme } = getComputedStyle(root);
  for (const theme of ['dark', 'light'] as const) {
    if (root.classList.contains(theme) || root.dataset['theme'] === theme || colorScheme === theme) return theme;
  }
  return undefined;
}
