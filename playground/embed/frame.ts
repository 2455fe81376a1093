/** The elements of an exhibit: its heading, the lanes with their figures, the sliders, the legend, the lines. */
import { h, set, write } from '../page/dom.ts';
import { outcomeLabels } from '../page/format.ts';
import { glyphIcon } from '../page/glyphs.ts';
import type { Fate } from '../page/glyphs.ts';
import { slider } from '../page/slider.ts';
import { css as tokens } from '../page/style/01-tokens.css';
import { css as buttons } from '../page/style/04-buttons.css';
import { css as fields } from '../page/style/05-fields.css';
import { css as own } from './embed.css';
import type { Exhibit, Knob } from './exhibit.ts';
import type { ExhibitLane } from './lane.ts';
import { createPicture } from './picture.ts';
import type { Band } from './spells.ts';

export interface Frame {
  /** Adds a line below the pictures. Only the last ones are kept. */
  readonly say: (line: string) => void;
  readonly showRun: (isRunning: boolean) => void;
  /** `hash` is that of the playground's address. */
  readonly link: (hash: string) => void;
  readonly tick: (lanes: readonly ExhibitLane[], text: string | undefined) => void;
  readonly paint: (lanes: readonly ExhibitLane[], bands: readonly Band[]) => void;
  readonly fit: () => void;
  readonly clear: () => void;
  readonly close: () => void;
}

export interface Actions {
  readonly playground: URL;
  readonly changed: (knob: Knob, value: number) => void;
  readonly pressed: () => void;
}

const LINES = 6;

const names: Readonly<Record<Fate, string>> = {
  ...outcomeLabels,
  cancelled: 'cancelled',
  kept: 'replayed',
  shared: 'shares a request',
  rejected: 'rejected',
  spare: 'substitute',
};

export function createFrame(root: ShadowRoot, exhibit: Exhibit, { playground, changed, pressed }: Actions): Frame {
  const { title, about, spell, knobs, figures, legend } = exhibit;
  const isDuel = exhibit.without !== undefined;
  const run = h('button', { class: 'button small', type: 'button', onclick: pressed });
  const open = h('a', { class: 'open' }, 'Open in the playground');
  const lanes = (isDuel ? ['plain', 'kyoa'] : ['kyoa']).map((name) => {
    const picture = createPicture();
    const values = figures.map(() => h('dd', {}, '–'));
    const heading = !isDuel ? 'The calls' : name === 'plain' ? `Without ${title}` : `With ${title}`;
    const list = figures.map((figure, i) => h('div', {}, h('dt', {}, figure.title), values[i]!));
    const element = h('section', { class: `lane lane-${name}`, 'aria-label': heading });
    element.append(h('p', { class: 'name' }, heading), picture.element, h('dl', {}, ...list));
    return { element, picture, values };
  });
  const lines = h('pre', {
    class: exhibit.with.text ? 'lines short' : 'lines',
    tabindex: 0,
    role: 'region',
    'aria-label': `The output of ${title}`,
  });
  const entries = legend.map((fate) => h('li', {}, glyphIcon(fate), names[fate]));
  if (spell) entries.push(h('li', {}, h('i', { class: 'band' }), spell.name));
  const sliders = knobs.map((knob) => {
    const made = slider(knob, (value) => changed(knob, value));
    made.show(knob.initial);
    return made.element;
  });
  const content = h(
    'section',
    { class: 'live', 'aria-label': `${title} at work` },
    h('header', {}, h('p', { class: 'title' }, `${title} at work`), h('div', { class: 'tools' }, run, open)),
    h('p', { class: 'about' }, about),
    h('div', { class: isDuel ? 'lanes' : 'lanes single' }, ...lanes.map(({ element }) => element)),
    ...(isDuel ? [] : [lines]),
    h('ul', { class: 'legend', 'aria-label': 'Legend' }, ...entries),
    h('div', { class: 'knobs' }, ...sliders),
  );
  root.adoptedStyleSheets = [styles()];
  root.replaceChildren(content);

  const fit = (): void => lanes.forEach(({ picture }) => picture.fit());
  const resize = new ResizeObserver(fit);
  resize.observe(content);
  let said: string[] = [];

  return {
    fit,
    say(line) {
      said = [...said, line].slice(-LINES);
    },
    showRun(isRunning) {
      write(run, isRunning ? 'Pause' : 'Run');
    },
    link(hash) {
      set(open, { href: `${playground.href}${hash}` });
    },
    tick(contenders, text) {
      lanes.forEach(({ values }, i) => {
        figures.forEach(({ read }, at) => write(values[at]!, read(contenders[i]!)));
      });
      if (isDuel) return;
      write(lines, text ?? said.join('\n'));
      lines.scrollTop = lines.scrollHeight;
    },
    paint(contenders, bands) {
      lanes.forEach(({ picture }, i) => picture.paint(contenders[i]!.calls(), contenders[i]!.now, bands));
    },
    clear: () => lanes.forEach(({ picture }) => picture.clear()),
    close() {
      resize.disconnect();
      root.replaceChildren();
    },
  };
}

/** The sheets of the playground, for a shadow root. */
function styles(): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  const themed = tokens.replaceAll(':root', ':host').replaceAll(/\[data-theme='\w+'\]/g, ':host($&)');
  sheet.replaceSync([themed, buttons, fields, own].join('\n'));
  return sheet;
}
