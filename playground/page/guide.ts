/** The guided scenarios: a card for each, and a panel with the steps of the running one. It can be left at any time. */
import { scenarios } from '../model/scenarios.ts';
import type { Configuration, Scenario, Session, Step } from '../model/types.ts';
import { announce, byId, h, set, write } from './dom.ts';
import type { Part } from './part.ts';
import { pointAt } from './point-at.ts';

interface Tour {
  readonly scenario: Scenario;
  readonly step: number;
  /** `performance.now()` at the beginning of the step. */
  readonly since: number;
  /** The configuration before the scenario, which `end` restores. */
  readonly before: Configuration;
}

export function mountGuide(session: Session): Part {
  let tour: Tour | undefined;
  const cards = scenarios.map((scenario, i) =>
    h(
      'button',
      { class: 'scenario', type: 'button', 'data-scenario': scenario.id, onclick: () => begin(scenario) },
      h('i', { 'aria-hidden': 'true' }, String(i + 1)),
      h('b', {}, scenario.title),
      h('span', {}, scenario.about),
    ),
  );
  const title = h('h3', { tabindex: -1 });
  const text = h('p', { class: 'tour-text' });
  const place = h('span', { class: 'tour-place number' });
  const progress = h('i', {});
  const bar = h('div', { class: 'tour-bar', 'aria-hidden': 'true' }, progress);
  const back = h('button', { class: 'button small', type: 'button', onclick: () => go(-1) }, 'Back');
  const next = h('button', { class: 'button small primary', type: 'button', onclick: () => go(1) }, 'Next');
  const leave = h('button', { class: 'button small', type: 'button', onclick: end }, 'Leave');
  const panel = h(
    'section',
    { class: 'tour', hidden: true, 'aria-label': 'The running scenario' },
    h('div', { class: 'tour-words' }, place, title, text),
    h('div', { class: 'tools' }, back, next, leave),
    bar,
  );
  panel.addEventListener('keydown', ({ key }) => key === 'Escape' && end());
  byId('scenarios').append(...cards);
  byId('tour').append(panel);

  function begin(scenario: Scenario): void {
    const before = tour?.before ?? session.configuration;
    enter({ scenario, step: 0, since: performance.now(), before });
    title.focus({ preventScroll: true });
  }

  function go(by: number): void {
    if (!tour) return;
    const step = tour.step + by;
    if (step >= tour.scenario.steps.length) return finish();
    if (step >= 0) enter({ ...tour, step, since: performance.now() });
  }

  function enter(next: Tour): void {
    tour = next;
    const step = next.scenario.steps[next.step]!;
    const { settings, ...change } = step.change;
    if (step.reset) session.reset();
    session.configure(change);
    if (settings) session.changeSettings(settings);
    if (!session.running) session.start();
    pointAt(step.watch);
    show(step, next);
  }

  /** Restores the configuration of before the scenario. */
  function end(): void {
    if (tour) session.configure(tour.before);
    finish();
  }

  function finish(): void {
    const card = cards.find(({ dataset }) => dataset['scenario'] === tour?.scenario.id);
    tour = undefined;
    pointAt(undefined);
    panel.hidden = true;
    for (const each of cards) set(each, { 'aria-current': undefined });
    card?.focus({ preventScroll: true });
    announce('The scenario has ended');
  }

  function show(step: Step, { scenario, step: at }: Tour): void {
    const { length } = scenario.steps;
    panel.hidden = false;
    for (const card of cards) {
      set(card, { 'aria-current': card.dataset['scenario'] === scenario.id ? 'true' : undefined });
    }
    write(place, `${scenario.title}: step ${at + 1} of ${length}`);
    write(title, step.title);
    write(text, step.text);
    write(next, at + 1 < length ? 'Next' : 'Keep this setup');
    back.disabled = at === 0;
    announce(`${step.title}. ${step.text}`);
    tick();
  }

  function tick(): void {
    if (!tour) return;
    const { seconds } = tour.scenario.steps[tour.step]!;
    const isLast = tour.step + 1 === tour.scenario.steps.length;
    const done = seconds === undefined ? 1 : (performance.now() - tour.since) / 1_000 / seconds;
    progress.style.scale = `${Math.min(1, done)} 1`;
    if (seconds !== undefined && done >= 1 && !isLast) go(1);
  }

  return { tick };
}
