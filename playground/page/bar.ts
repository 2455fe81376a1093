/** The bar at the top: the network in use, the button that pauses the calls, and the button that copies the link. */
import type { Session } from '../model/types.ts';
import { writeLink } from '../model/link.ts';
import { copy } from './clipboard.ts';
import { announce, byId, h, icon, set, write } from './dom.ts';
import type { Part } from './part.ts';

const play = 'M5 3.5v9l7-4.5z';
const pause = 'M5.5 3.5v9M10.5 3.5v9';

export function mountBar(session: Session): Part {
  const run = byId('run');
  const label = h('span', {});
  const kinds = { server: 'against the real flaky server', simulated: 'on a network simulated in this page' };
  write(byId('where'), `Running ${kinds[session.network]}, through the built package`);
  byId('share').addEventListener('click', () => copy(location.href, byId('share')));
  run.addEventListener('click', () => {
    if (session.running) session.stop();
    else session.start();
    announce(session.running ? 'Calls are running' : 'Calls are paused');
  });
  update();

  function update(): void {
    write(label, session.running ? 'Pause' : 'Run');
    run.replaceChildren(icon(session.running ? pause : play), label);
    set(run, { 'aria-pressed': String(session.running) });
    const link = writeLink(session.configuration);
    if (link !== location.hash) history.replaceState(null, '', link);
  }

  return { update };
}
