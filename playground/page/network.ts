/** The network: presets, the outage switch, the rate of calls, and a control for each kind of fault. */
import type { SettingField, Session } from '../model/types.ts';
import type { Difference } from '../model/differences.ts';
import { differences } from '../model/differences.ts';
import { presets } from '../network/presets.ts';
import { settingFields } from '../network/fields.ts';
import { isSame } from '../model/configuration.ts';
import { stepOf } from '../model/scenarios.ts';
import { announce, byId, h, set, write } from './dom.ts';
import { measure } from './format.ts';
import type { Part } from './part.ts';
import { settingOf, settingPatch } from '../network/setting-path.ts';
import { slider } from './slider.ts';
import { numberField, statusField, switchField } from './setting-inputs.ts';
import type { SettingInput } from './setting-inputs.ts';

const rate = {
  label: 'Calls a second',
  help: 'The rate of plain fetch, and of kyoa.',
  unit: 'per second',
  min: 1,
  max: 200,
  step: 1,
  scale: 'log',
} as const;

/** ms. A call that is made later than that is measured as too slow. */
const LATE = 50;
/** For so many ticks the calls are late, or in time, before the page says so: two seconds. */
const SURE = 10;

export function mountNetwork(session: Session): Part {
  const names = Object.keys(presets);
  const chips = names.map((name) =>
    h('button', { class: 'chip', type: 'button', title: presets[name]?.about, onclick: () => choose(name) }, name),
  );
  const about = h('p', { class: 'network-about' });
  const changes = h('p', { class: 'network-changes' });
  const outage = h(
    'button',
    { class: 'outage', type: 'button', role: 'switch', onclick: toggle },
    h('b', {}, 'Outage'),
    h('span', {}, 'Every connection is reset'),
    h('i', { 'aria-hidden': 'true' }),
  );
  const pace = slider(rate, (value) => session.configure({ rate: value }));
  const slow = h('p', { class: 'network-slow', role: 'status' });
  const fault = h('p', { class: 'complaint', role: 'alert' });
  const inputs = settingFields
    .filter(({ path }) => path !== 'outage')
    .map((field) => ({ field, ...inputFor(field, (value) => change(field.path, value)) }));

  const groups = [...new Set(inputs.map(({ field }) => field.group))].map((group, i) =>
    h(
      'details',
      { class: 'group', open: i < 2 },
      h('summary', {}, group),
      ...inputs.filter(({ field }) => field.group === group).map(({ element }) => element),
    ),
  );
  const chipRow = h('div', { class: 'chips', role: 'group', 'aria-label': 'Presets' }, ...chips);
  byId('network').append(chipRow, about, changes, outage, pace.element, slow, fault, ...groups);
  update();

  function choose(preset: string): void {
    session.configure({ preset });
    announce(`${preset}: ${presets[preset]?.about}`);
  }

  function toggle(): void {
    const next = !session.configuration.settings.outage;
    change('outage', next);
    announce(next ? 'Outage: every connection is reset' : 'The outage is over');
  }

  function change(path: string, value: unknown): void {
    try {
      session.changeSettings(settingPatch(path, value));
      write(fault, '');
    } catch (error) {
      write(fault, error instanceof Error ? error.message : String(error));
    }
  }

  function update(): void {
    const { preset, settings, rate } = session.configuration;
    const changed = differences({ preset, settings }).filter(({ field }) => field.path !== 'seed');
    const pressed = changed.length > 0 ? 'mixed' : 'true';
    names.forEach((name, i) => set(chips[i]!, { 'aria-pressed': name === preset ? pressed : 'false' }));
    write(about, presets[preset]?.about ?? '');
    const who =
      session.place && isSame(settings, stepOf(session.place)!.configuration.settings) ? ' by the scenario' : '';
    write(changes, changed.length > 0 ? `Changed${who}: ${changed.map(words).join(', ')}` : '');
    for (const { field, element } of inputs)
      element.classList.toggle(
        'changed',
        changed.some((each) => each.field === field),
      );
    set(outage, { 'aria-checked': String(settings.outage) });
    pace.show(rate);
    for (const { field, show } of inputs) show(settingOf(settings, field.path));
    if (session.fault) write(fault, session.fault);
  }

  /** Ticks with late calls count up to `SURE`, those without count down to 0. */
  let late = 0;

  function tick(): void {
    late = Math.max(0, Math.min(SURE, late + (session.lateness > LATE ? 1 : -1)));
    const { rate } = session.configuration;
    if (late === SURE)
      write(
        slow,
        `This device is too slow for ${rate} calls a second: it makes them late, and measures them as too slow.`,
      );
    else if (late === 0) write(slow, '');
  }

  return { update, tick };
}

/** A setting with its value, such as `Median 180 ms`. */
function words({ field, value }: Difference): string {
  if (typeof value === 'boolean') return value ? field.label : `${field.label} off`;
  const shown = typeof value === 'number' ? measure(value, field.unit) : String(value);
  return `${field.label} ${shown.replaceAll(' ', '\u00A0')}`;
}

function inputFor(field: SettingField, changed: (value: unknown) => void): SettingInput {
  if (field.kind === 'switch') return switchField(field, changed);
  if (field.kind === 'statuses') return statusField(field, changed);
  if (field.max - field.min > 1e6) return numberField(field, changed); // the seed: a slider is too coarse for it
  const { element, show } = slider(field, changed);
  return { element, show: (value) => show(Number(value)) };
}
