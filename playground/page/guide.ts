/** The guided scenarios: a card for each, and a panel with the steps of the running one. Every step has an address. */
import { scenarios, stepOf } from '../model/scenarios.ts';
import type { Place, Scenario, Session, Step } from '../model/types.ts';
import { announce, byId, h, set, write } from './dom.ts';
import { mountGoal } from './goal.ts';
import type { Part } from './part.ts';
import { makeRoom, nameOf, pointAt } from './point-at.ts';

export function mountGuide(session: Session): Part {
  const cards = scenarios.map(({ id, title, about }, i) =>
    h(
      'a',
      { class: 'scenario', 'data-scenario': id, href: addressOf({ scenario: id, step: 1 }) },
      h('i', { 'aria-hidden': 'true' }, String(i + 1)),
      h('b', {}, title),
      h('span', {}, about),
    ),
  );
  const title = h('h3', { tabindex: -1 });
  const text = h('p', { class: 'tour-text' });
  const name = h('span', { class: 'tour-place' });
  const steps = h('ol', { class: 'tour-steps', 'aria-label': 'Steps' });
  const goal = mountGoal(session);
  const back = h('button', { class: 'button small', type: 'button', onclick: () => go(-1) }, 'Back');
  const next = h('button', { class: 'button small primary', type: 'button', onclick: () => go(1) }, 'Next');
  const keep = h(
    'button',
    { class: 'button small', type: 'button', onclick: () => end(true) },
    'Leave with this setup',
  );
  const leave = h('button', { class: 'button small', type: 'button', onclick: () => end(false) }, 'Leave');
  const note = h('p', { class: 'tour-note' }, 'Leave brings your own network and onion back.');
  const turn = h('button', { class: 'button small', type: 'button', onclick: look });
  const another = h('a', { class: 'button small primary', hidden: true });
  const panel = h(
    'section',
    { class: 'tour', hidden: true, 'aria-label': 'The running scenario', onkeydown: steer },
    h(
      'div',
      { class: 'tour-words' },
      h('div', { class: 'tour-head' }, name, steps),
      title,
      text,
      h('div', { class: 'tour-turn' }, turn, goal.element, another),
    ),
    h('div', { class: 'tour-ways' }, h('div', { class: 'tools' }, back, next, keep, leave), note),
  );
  let scenario: Scenario | undefined;
  let isAway = false;
  let shown: string | undefined;
  byId('scenarios').append(...cards);
  byId('tour').append(panel);
  new ResizeObserver(makeRoom).observe(byId('tour'));

  /** The address leads to the step, so that the buttons of the browser work as these do. */
  function go(by: number): void {
    const { place } = session;
    if (!place || !scenario) return;
    const step = place.step + by;
    if (step > 0 && step <= scenario.steps.length) location.hash = addressOf({ ...place, step });
  }

  function end(keeps: boolean): void {
    const card = cards.find(({ dataset }) => dataset['scenario'] === session.place?.scenario);
    session.leave(keeps);
    card?.focus({ preventScroll: true });
    announce('The scenario has ended');
  }

  /** Shows the part where the visitor has to act, or again what the step describes. */
  function look(): void {
    const step = session.place && stepOf(session.place);
    if (!step?.act) return;
    isAway = !isAway;
    pointAt(isAway ? step.act : step.watch);
    nameTurn(step);
  }

  function nameTurn({ act, watch }: Step): void {
    turn.hidden = act === undefined;
    if (act !== undefined) write(turn, `Show ${nameOf(isAway ? watch : act)}`);
  }

  function steer(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.key === 'ArrowRight') go(1);
    else if (event.key === 'ArrowLeft') go(-1);
    else if (event.key === 'Escape') end(false);
    else return;
    event.preventDefault();
  }

  function update(): void {
    const { place } = session;
    const key = place && addressOf(place);
    if (key === shown) return;
    shown = key;
    panel.hidden = place === undefined;
    set(byId('guide'), { 'data-running': place !== undefined });
    for (const card of cards) set(card, { 'aria-current': card.dataset['scenario'] === place?.scenario && 'true' });
    const current = cards.find(({ dataset }) => dataset['scenario'] === place?.scenario);
    // On a narrow page the cards are in one line.
    if (current) byId('scenarios').scrollLeft += current.getBoundingClientRect().left - 12;
    scenario = scenarios.find(({ id }) => id === place?.scenario);
    const step = place && scenario?.steps[place.step - 1];
    goal.show(step?.goal ?? []);
    if (place && scenario && step) show(scenario, place);
    else pointAt(undefined);
  }

  function show({ title: of, steps: all }: Scenario, { scenario, step: at }: Place): void {
    const step = all[at - 1]!;
    write(name, of);
    write(title, step.title);
    write(text, step.text);
    const isLast = at === all.length;
    for (const each of [keep, note]) each.hidden = !isLast;
    next.hidden = isLast;
    back.disabled = at === 1;
    isAway = false;
    nameTurn(step);
    const following = scenarios[scenarios.findIndex(({ id }) => id === scenario) + 1];
    another.hidden = true;
    set(another, { href: following && addressOf({ scenario: following.id, step: 1 }) });
    write(another, following ? `Next scenario: ${following.title}` : '');
    steps.replaceChildren(
      ...all.map(({ title }, i) => {
        const current = i + 1 === at && 'step';
        const label = `Step ${i + 1} of ${all.length}: ${title}`;
        const href = addressOf({ scenario, step: i + 1 });
        return h('li', {}, h('a', { href, title, 'aria-label': label, 'aria-current': current }, String(i + 1)));
      }),
    );
    announce(`Step ${at} of ${all.length}: ${step.title}. ${step.text}`);
    title.focus({ preventScroll: true });
    pointAt(step.watch);
  }

  function tick(): void {
    goal.tick();
    another.hidden = !goal.isReached() || !another.hasAttribute('href');
  }

  return { update, tick, payments: tick };
}

function addressOf({ scenario, step }: Place): string {
  return `#${scenario}/${step}`;
}
