/** Helpers that create elements, and write texts only when they change. */

/** A function is a listener (`onclick`). `true` sets an empty attribute; `false` and `undefined` remove the attribute. */
export type Props = Readonly<Record<string, string | number | boolean | undefined | Listener>>;

// The type of a method, so that a function that takes a `MouseEvent` is a `Listener`: methods are bivariant.
type Listener = { listen(event: Event): unknown }['listen'];

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  set(element, props);
  element.append(...children);
  return element;
}

export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: readonly (Node | string)[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  set(element, props);
  element.append(...children);
  return element;
}

export function set(element: Element, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
}

export function write(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** The element of index.html with this id. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page has no #${id}`);
  return element;
}

/** Announces a text to screen readers. */
export function announce(text: string): void {
  write(byId('announce'), text);
}

/** An icon in the size and colour of the text beside it. */
export function icon(path: string): SVGSVGElement {
  return s('svg', { viewBox: '0 0 16 16', 'aria-hidden': 'true' }, s('path', { d: path }));
}
