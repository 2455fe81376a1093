/** "Search as you type": a box whose every key sends a search through both lanes, and the results that each lane shows. */
import type { LaneName, Session } from '../model/types.ts';
import { announce, h, set, write } from './dom.ts';
import { milliseconds, outcomeLabels } from './format.ts';
import { wishFor } from './pane.ts';
import type { Pane } from './pane.ts';

const example = 'request';
/** Between two keys of the example, ms. */
const KEY = 140;
/** The maximum of searches in the list of a lane. */
const LISTED = 9;

export function mountSearch(session: Session): Pane {
  const wish = wishFor(
    session,
    'latest',
    'Without latest an older search goes on, and its late results may replace newer ones.',
  );
  const lanes = [box('plain', 'plain fetch'), box('kyoa', 'kyoa')];
  const input = h('input', { type: 'search', id: 'search-box', autocomplete: 'off', spellcheck: 'false' });
  input.addEventListener('input', () => search(input.value));
  const type = h('button', { class: 'button small', type: 'button', onclick: typeExample }, 'Type for me');
  const element = h(
    'div',
    {},
    wish.element,
    h('div', { class: 'search-tools' }, h('label', { for: 'search-box' }, 'Search'), input, type),
    h('div', { class: 'search-lanes' }, ...lanes.map(({ element }) => element)),
  );
  let timer: ReturnType<typeof setTimeout> | undefined;

  function search(text: string): void {
    for (const lane of lanes) lane.search(text);
  }

  function typeExample(): void {
    clearTimeout(timer);
    input.value = '';
    const next = (length: number): void => {
      input.value = example.slice(0, length);
      search(input.value);
      timer = length < example.length ? setTimeout(next, KEY, length + 1) : undefined;
      if (timer === undefined) announce(`Typed ${example}`);
    };
    next(1);
  }

  function box(lane: LaneName, name: string) {
    const heading = h('h3', {}, name);
    const shown = h('p', { class: 'search-shown' }, 'No search yet');
    const results = h('ul', { class: 'search-results', 'aria-label': `Results of ${name}` });
    const history = h('ol', { class: 'search-history', 'aria-label': `Searches of ${name}` });
    let latest = '';

    return {
      element: h('div', { class: `search-lane search-${lane}` }, heading, shown, results, history),
      search(text: string): void {
        latest = text;
        const entry = h('li', { 'data-state': 'running' }, h('code', {}, text || '(empty)'), h('span', {}, 'running'));
        history.prepend(entry);
        while (history.childElementCount > LISTED) history.lastElementChild!.remove();
        judge();
        session.send(lane, `search?q=${encodeURIComponent(text)}`).then(({ outcome, duration, body }) => {
          const state = outcome === 'answered' || outcome === 'replaced' ? outcome : 'failed';
          set(entry, { 'data-state': state });
          write(entry.lastElementChild!, state === 'answered' ? milliseconds(duration) : outcomeLabels[outcome]);
          if (state === 'answered') show(text, (body as { readonly results: readonly string[] }).results);
          judge();
        }, reportError);
      },
    };

    function show(text: string, found: readonly string[]): void {
      results.replaceChildren(...found.map((word) => h('li', {}, word)));
      shown.dataset['for'] = text;
    }

    /** A page that shows each response when it arrives may show the results of an older text. */
    function judge(): void {
      const text = shown.dataset['for'];
      if (text === undefined) return;
      const isOld = text !== latest;
      const isSettled = history.querySelector('[data-state="running"]') === null;
      write(shown, `Results for “${text}”${isOld && isSettled ? `, but the box says “${latest}”` : ''}`);
      shown.classList.toggle('wrong', isOld && isSettled);
    }
  }

  return {
    id: 'search',
    title: 'Search as you type',
    about:
      'Every key sends a search, and each lane shows the response that arrived last. Slow and uneven responses help.',
    element,
    update: () => wish.update(),
    tick() {},
  };
}
