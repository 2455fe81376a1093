/** The bar at the top: the network in use, and the buttons that pause the calls, take changes back, and copy the link. */
import type { Session } from '../model/types.ts';
import { copy } from './clipboard.ts';
import { announce, byId, h, icon, set, write } from './dom.ts';
import type { Part } from './part.ts';

const play = 'M5 3.5v9l7-4.5z';
const pause = 'M5.5 3.5v9M10.5 3.5v9';

export function mountBar(session: Session): Part {
  const run = byId('run');
  const undo = byId('undo') as HTMLButtonElement;
  const label = h('span', {});
  const kinds = { server: 'against the real flaky server', simulated: 'on a network simulated in this page' };
  write(byId('where'), `Running ${kinds[session.network]}, through the built package`);
  byId('share').addEventListener('click', () => copy(location.href, byId('share')));
  undo.addEventListener('click', takeBack);
  byId('reset').addEventListener('click', () => {
    session.restore();
    announce(session.place ? 'The step has started again' : 'The page has started again');
  });
  addEventListener('keydown', (event) => {
    if (event.key !== 'z' || !(event.ctrlKey || event.metaKey) || event.shiftKey) return;
    // A text field undoes its own input.
    if (event.target instanceof HTMLTextAreaElement) return;
    if (event.target instanceof HTMLInputElement && event.target.type !== 'range') return;
    event.preventDefault();
    takeBack();
  });
  run.addEventListener('click', () => {
    if (session.running) session.stop();
    else session.start();
    announce(session.running ? 'Calls are running' : 'Calls are paused');
  });
  update();

  function takeBack(): void {
    if (session.undoable === 0) return;
    session.undo();
    announce('The last change is undone');
  }

  function update(): void {
    write(label, session.running ? 'Pause' : 'Run');
    run.replaceChildren(icon(session.running ? pause : play), label);
    set(run, { 'aria-pressed': String(session.running) });
    undo.disabled = session.undoable === 0;
  }

  return { update };
}
