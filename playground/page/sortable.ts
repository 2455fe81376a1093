/** A list whose items have handles. An item is moved with a pointer, or with Space and the arrow keys. */
import { announce, set } from './dom.ts';

export interface Sorting {
  /** The ids of the items in their current order. */
  readonly order: () => readonly string[];
  /** Called with the ids in their new order. */
  readonly moved: (ids: readonly string[]) => void;
}

const still = matchMedia('(prefers-reduced-motion: reduce)');

export function makeSortable(list: HTMLElement, { order, moved }: Sorting): void {
  let grabbed: { readonly id: string; readonly before: readonly string[] } | undefined;

  list.addEventListener('keydown', (event) => {
    const handle = handleOf(event);
    const item = handle && itemOf(handle);
    if (!item) return;
    const id = item.dataset['id']!;
    const name = item.querySelector('b')?.textContent ?? id;
    const where = (): string => `layer ${order().indexOf(id) + 1} of ${order().length}`;

    if (event.key === ' ' || event.key === 'Enter') {
      event.preventDefault();
      if (grabbed) drop(handle, `${name} dropped, ${where()}`);
      else grab(handle, id, `${name} grabbed, ${where()}. Arrow keys move it, Space drops it, Escape cancels`);
    } else if (grabbed && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
      event.preventDefault();
      shift(id, event.key === 'ArrowUp' ? -1 : 1);
      handle.focus();
      announce(`${name}, ${where()}`);
    } else if (grabbed && event.key === 'Escape') {
      moved(grabbed.before);
      handle.focus();
      drop(handle, `${name} is back, ${where()}`);
    }
  });

  list.addEventListener('focusout', (event) => {
    const handle = handleOf(event);
    // A move removes the item from the document for a moment, and the focus with it. Only a focus that is still
    // elsewhere in the next frame means that the visitor left the handle.
    requestAnimationFrame(() => {
      if (grabbed && handle && document.activeElement !== handle) drop(handle, '');
    });
  });

  function grab(handle: HTMLElement, id: string, announcement: string): void {
    grabbed = { id, before: order() };
    set(handle, { 'aria-pressed': 'true' });
    itemOf(handle)?.classList.add('lifted');
    announce(announcement);
  }

  function drop(handle: HTMLElement, announcement: string): void {
    grabbed = undefined;
    set(handle, { 'aria-pressed': undefined });
    itemOf(handle)?.classList.remove('lifted');
    if (announcement) announce(announcement);
  }

  function shift(id: string, by: number): void {
    const ids = order();
    const to = ids.indexOf(id) + by;
    if (to < 0 || to >= ids.length) return;
    moved(ids.filter((each) => each !== id).toSpliced(to, 0, id));
  }

  list.addEventListener('pointerdown', (event) => {
    const item = itemOf(handleOf(event));
    if (!item || event.button !== 0) return;
    event.preventDefault();
    handleOf(event)?.focus();
    item.classList.add('lifted');
    const ended = new AbortController();
    const { signal } = ended;
    addEventListener('pointermove', ({ clientY }) => carry(item, clientY), { signal });
    for (const type of ['pointerup', 'pointercancel']) addEventListener(type, finish, { signal });

    function finish(): void {
      ended.abort();
      item!.classList.remove('lifted');
      const ids = itemsOf(list).map(({ dataset }) => dataset['id']!);
      if (ids.join() !== order().join()) moved(ids);
    }
  });

  /** Moves the neighbours, not the dragged item: an item that leaves the document would lose the pointer. */
  function carry(item: HTMLElement, y: number): void {
    const { previousElementSibling: above, nextElementSibling: below } = item;
    if (above instanceof HTMLElement && y < middleOf(above)) {
      item.after(above);
      slide(above, -1);
    } else if (below instanceof HTMLElement && y > middleOf(below)) {
      item.before(below);
      slide(below, 1);
    }
  }
}

function slide(item: HTMLElement, direction: number): void {
  if (still.matches) return;
  const from = `translateY(${direction * item.offsetHeight}px)`;
  item.animate([{ transform: from }, { transform: 'none' }], { duration: 160, easing: 'ease-out' });
}

function middleOf(item: HTMLElement): number {
  const { top, height } = item.getBoundingClientRect();
  return top + height / 2;
}

function itemsOf(list: HTMLElement): HTMLElement[] {
  return [...list.querySelectorAll<HTMLElement>(':scope > li')];
}

function handleOf({ target }: Event): HTMLElement | undefined {
  return (target instanceof Element && target.closest<HTMLElement>('.handle')) || undefined;
}

function itemOf(handle: HTMLElement | undefined): HTMLElement | undefined {
  return handle?.closest('li') ?? undefined;
}
