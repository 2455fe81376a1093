/** "A picture on a bad line": both lanes load the same picture, and draw its rows as they arrive. */
import { pictureHead, pictureSize } from '../network/picture.ts';
import type { LaneName, SendResult, Session } from '../model/types.ts';
import { announce, h, write } from './dom.ts';
import { milliseconds } from './format.ts';
import { wishFor } from './pane.ts';
import type { Pane } from './pane.ts';

const rowLength = pictureSize.width * 3;
const wholeLength = pictureHead.length + pictureSize.height * rowLength;

export function mountPicture(session: Session): Pane {
  const wish = wishFor(
    session,
    'resume',
    'Without resume a body that breaks is lost, and the page has half a picture.',
  );
  const frames = [mountFrame(session, 'plain', 'plain fetch'), mountFrame(session, 'kyoa', 'kyoa')];
  let number = 0;
  const load = h('button', { class: 'button small', type: 'button', onclick: loadNext }, 'Load a picture');
  const breaks = h('button', { class: 'chip', type: 'button', onclick: flip }, 'The line breaks');
  const element = h(
    'div',
    {},
    h('div', { class: 'tools' }, load, breaks),
    wish.element,
    h('div', { class: 'picture-lanes' }, ...frames.map(({ element }) => element)),
  );

  function loadNext(): void {
    number += 1;
    announce(`Loading picture ${number}`);
    for (const frame of frames) frame.load(number);
  }

  /** As often that plain fetch seldom gets a whole picture, and as slow that one can watch. */
  function flip(): void {
    const breaking = session.configuration.settings.cuts > 0;
    session.changeSettings({ cuts: breaking ? 0 : 0.7, drip: { share: breaking ? 0 : 1, gap: 80 } });
  }

  return {
    id: 'picture',
    title: 'A picture on a bad line',
    about: 'Both lanes load the same picture, and draw its rows as they arrive. A line marks where kyoa has continued.',
    element,
    update() {
      wish.update();
      breaks.setAttribute('aria-pressed', String(session.configuration.settings.cuts > 0));
    },
    tick() {
      for (const frame of frames) frame.tick();
    },
  };
}

interface Frame {
  readonly element: HTMLElement;
  readonly load: (number: number) => void;
  readonly tick: () => void;
}

function mountFrame(session: Session, lane: LaneName, name: string): Frame {
  const canvas = h('canvas', { ...pictureSize, role: 'img', 'aria-label': `The picture that ${name} loads` });
  const words = h('p', { class: 'picture-words' }, 'No picture yet');
  const marks = h('div', { class: 'picture-marks', 'aria-hidden': 'true' });
  const element = h('div', {}, h('h3', {}, name), h('div', { class: 'picture-frame' }, canvas, marks), words);
  const pen = canvas.getContext('2d')!;
  let path = '';
  let rows = createRows(pen);
  let running = false;

  function load(number: number): void {
    path = `picture/${number}`;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const own = (rows = createRows(pen));
    running = true;
    session
      .load(lane, path, (bytes) => own.add(bytes))
      .then((result) => {
        if (own !== rows) return; // another picture is loading
        running = false;
        tick();
        write(words, ended(result, own.length, continuations().length));
      }, reportError);
    tick();
  }

  /** Where the body broke and went on, in bytes. */
  function continuations(): readonly number[] {
    if (lane === 'plain' || path === '') return [];
    const call = session.calls().find((call) => call.path.endsWith(`/${path}`));
    return (call?.events ?? []).flatMap(({ event }) => (event.type === 'resume.continued' ? [event.offset] : []));
  }

  function tick(): void {
    if (path === '') return;
    const offsets = continuations();
    if (running) write(words, `${shareOf(rows.length)} of the bytes${continued(offsets.length)}`);
    if (offsets.length === marks.childElementCount) return;
    marks.replaceChildren(...offsets.map((offset) => h('i', { style: `top: ${(100 * offset) / wholeLength}%` })));
  }

  return { element, load, tick };
}

function ended({ outcome, duration }: SendResult, length: number, times: number): string {
  if (outcome === 'answered') return `Whole after ${milliseconds(duration)}${continued(times)}`;
  return length === 0 ? 'Nothing has arrived' : `Broken off after ${shareOf(length)} of the bytes${continued(times)}`;
}

function continued(times: number): string {
  return times === 0 ? '' : `, continued ${times === 1 ? 'once' : `${times} times`}`;
}

function shareOf(length: number): string {
  return `${Math.floor((100 * length) / wholeLength)} %`;
}

/** Draws the rows of a pixmap whose bytes arrive in pieces of any length. */
function createRows(pen: CanvasRenderingContext2D) {
  const row = pen.createImageData(pictureSize.width, 1);
  let length = 0;

  return {
    get length() {
      return length;
    },
    add(bytes: Uint8Array): void {
      for (const byte of bytes) {
        const at = length - pictureHead.length;
        length += 1;
        if (at < 0) continue;
        const inRow = at % rowLength;
        row.data[Math.floor(inRow / 3) * 4 + (inRow % 3)] = byte;
        if (inRow % 3 === 2) row.data[Math.floor(inRow / 3) * 4 + 3] = 255;
        if (inRow === rowLength - 1) pen.putImageData(row, 0, Math.floor(at / rowLength));
      }
    },
  };
}
