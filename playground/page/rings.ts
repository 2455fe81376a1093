/** Draws the onion: a ring with its name for each enabled layer, and the core in the middle. */
import type { PolicyEntry, Session } from '../model/types.ts';
import { createCores } from './cores.ts';
import { byId, h, s } from './dom.ts';
import { mountFlights } from './flights.ts';
import { drawing, radii } from './geometry.ts';
import { hueOf } from './palette.ts';
import type { Part } from './part.ts';

export function mountRings(session: Session): Part {
  const { width, height } = drawing;
  const picture = s('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img' });
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const flights = mountFlights(session, canvas);
  const host = byId('rings');
  const cores = createCores(session);
  host.append(picture, canvas);
  host.after(cores.note);
  let drawn = '';
  let glows: SVGCircleElement[] = [];
  let acted: number[] = [];

  function update(): void {
    const entries = session.configuration.stack.filter(({ on }) => on);
    const key = entries.map(({ id, policy }) => `${id} ${policy}`).join();
    if (key === drawn && picture.childElementCount > 0) return;
    drawn = key;
    acted = [];
    const at = radii(entries.length);
    const skins = entries.map((entry, i) => skin(entry, at[i]!, at[i]! - at[i + 1]!, i));
    glows = skins.map(({ glow }) => glow);
    const names = entries.map(({ policy }) => policy).join(', ');
    const isRegional = cores.isRegional(entries);
    const inside = isRegional ? 'the cores are the regions eu, us and ap' : 'the core is fetch';
    picture.setAttribute('aria-label', `The onion, outermost first: ${names || 'no layers'}; ${inside}`);
    picture.replaceChildren(path(), ...skins.map(({ element }) => element), isRegional ? cores.draw() : core());
  }

  /** A ring glows when its layer has just added or avoided a request. */
  function tick(): void {
    cores.tick();
    session.layers().forEach(({ entered, sent, inside }, i) => {
      const extra = Math.abs(sent - entered + (sent < entered ? inside : 0));
      const glow = glows[i];
      if (glow) glow.style.opacity = extra > (acted[i] ?? extra) ? '1' : '0';
      acted[i] = extra;
    });
  }

  /** A pointer over a layer of the list highlights the ring of the layer. */
  byId('layers').addEventListener('pointerover', ({ target }) => {
    const id = target instanceof Element ? target.closest<HTMLElement>('.layer')?.dataset['id'] : undefined;
    for (const skin of picture.querySelectorAll<SVGElement>('.skin')) {
      skin.classList.toggle('seen', skin.dataset['entry'] === id);
    }
  });

  update();
  return { update, tick, frame: flights.frame, repaint: flights.repaint };
}

function skin({ id, policy }: PolicyEntry, r: number, thickness: number, index: number) {
  const { x, y } = drawing;
  const size = Math.min(12.5, thickness * 0.84);
  const line = r - thickness / 2 - size * 0.36;
  const arc = `arc-${index}`;
  const glow = s('circle', { class: 'glow', cx: x, cy: y, r: r - thickness / 2, 'stroke-width': thickness });
  const element = s(
    'g',
    { class: 'skin', 'data-entry': id, style: `--hue: ${hueOf(policy)}; --depth: ${index}` },
    s('circle', { class: 'flesh', cx: x, cy: y, r }),
    glow,
    s('path', { id: arc, d: `M ${x - line} ${y} A ${line} ${line} 0 0 1 ${x + line} ${y}`, fill: 'none' }),
    s('text', { 'font-size': size }, s('textPath', { href: `#${arc}`, startOffset: '50%' }, policy)),
  );
  return { element, glow };
}

function core(): SVGElement {
  const { x, y, core } = drawing;
  return s('g', { class: 'core' }, s('circle', { cx: x, cy: y, r: core }), s('text', { x, y: y + 4 }, 'fetch'));
}

/** The line of the call into the core, and of the response out of it. */
function path(): SVGElement {
  const { x, y, outer, width } = drawing;
  return s(
    'g',
    { class: 'way' },
    s('path', { d: `M 4 ${y} H ${x - outer} M ${x + outer} ${y} H ${width - 10} m -6 -5 l 6 5 l -6 5` }),
    s('text', { x: 4, y: y - 12 }, 'call'),
    s('text', { x: width - 4, y: y - 12, 'text-anchor': 'end' }, 'response'),
  );
}
