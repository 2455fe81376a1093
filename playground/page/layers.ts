/** The list of the onion's layers, outermost first. Layers can be switched, moved, edited, added and removed. */
import { catalogue } from '../model/catalogue.ts';
import { hintsOf } from '../model/order.ts';
import type { Hint } from '../model/order.ts';
import type { PolicyEntry, PolicyName, Session, Stack } from '../model/types.ts';
import { addLayer } from '../model/with-layer.ts';
import { announce, byId, h, write } from './dom.ts';
import { createLayer } from './layer.ts';
import type { Layer } from './layer.ts';
import { hueOf } from './palette.ts';
import type { Part } from './part.ts';
import { makeSortable } from './sortable.ts';

export function mountLayers(session: Session): Part {
  const list = h('ol', { class: 'layers', 'aria-label': 'Layers, outermost first' });
  const help = h(
    'p',
    { id: 'move-help', class: 'layers-help' },
    'Drag a handle, or use the keyboard: Space grabs the layer, arrow keys move it, Space drops it, Escape cancels.',
  );
  const shelf = h('div', { class: 'chips', role: 'group', 'aria-label': 'Add a layer' });
  const problem = h('p', { class: 'complaint', role: 'alert' });
  const layers = new Map<string, Layer>();
  let shelved = '';
  byId('layers').append(list, problem, h('div', { class: 'shelf' }, h('b', {}, 'Add'), shelf), help);

  makeSortable(list, {
    moved: (ids) => configure(ids.map((id) => session.configuration.stack.find((entry) => entry.id === id)!)),
    order: () => session.configuration.stack.map(({ id }) => id),
  });

  function configure(stack: Stack): void {
    session.configure({ stack });
  }

  function edit(changed: PolicyEntry): void {
    configure(session.configuration.stack.map((entry) => (entry.id === changed.id ? changed : entry)));
  }

  function remove(id: string): void {
    configure(session.configuration.stack.filter((entry) => entry.id !== id));
    list.querySelector<HTMLElement>('.handle')?.focus();
    announce('Layer removed');
  }

  function move({ entry, mended }: Hint): void {
    configure(mended);
    layers.get(entry)?.element.querySelector<HTMLElement>('.layer-name')?.focus();
    announce('Layer moved');
  }

  function add(name: PolicyName): void {
    configure(addLayer(session.configuration.stack, name));
    announce(`${name} added`);
  }

  function update(): void {
    const { stack } = session.configuration;
    const remarks = { problems: session.problems, hints: hintsOf(stack) };
    for (const [id, layer] of layers) {
      if (stack.some((entry) => entry.id === id)) continue;
      layer.element.remove();
      layers.delete(id);
    }
    stack.forEach((entry, i) => {
      const layer = layers.get(entry.id) ?? createLayer(entry, { edit, remove, move });
      layers.set(entry.id, layer);
      if (list.children[i] !== layer.element) list.insertBefore(layer.element, list.children[i] ?? null);
      layer.show(entry, i + 1, stack.length, remarks);
    });
    // A problem of one option is shown at its field.
    const general = session.problems.find(({ entry, option }) => option === undefined || !layers.has(entry));
    write(problem, general?.message ?? '');
    stock(stack);
  }

  function stock(stack: Stack): void {
    const missing = catalogue.filter(({ name, most }) => stack.filter(({ policy }) => policy === name).length < most);
    const key = missing.map(({ name }) => name).join();
    if (key === shelved) return;
    shelved = key;
    shelf.replaceChildren(
      ...missing.map((descriptor) =>
        h(
          'button',
          {
            class: 'chip hued',
            type: 'button',
            style: `--hue: ${hueOf(descriptor.name)}`,
            title: descriptor.about,
            'aria-label': `Add ${descriptor.name}: ${descriptor.about}`,
            onclick: () => add(descriptor.name),
          },
          descriptor.name,
        ),
      ),
    );
  }

  function tick(): void {
    for (const counts of session.layers()) layers.get(counts.entry)?.count(counts);
  }

  update();
  return { update, tick };
}
