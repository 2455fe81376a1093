/** The entry of the page: opens the session that the address describes, and mounts the parts of the page. */
import { readLink } from '../model/link.ts';
import { openSession } from '../model/session.ts';
import { mountAddress } from './address.ts';
import { mountAnchors } from './anchors.ts';
import { mountBar } from './bar.ts';
import { mountCode } from './code.ts';
import { announce } from './dom.ts';
import { mountDuel } from './duel.ts';
import { mountGuide } from './guide.ts';
import { mountLatency } from './latency.ts';
import { mountLayers } from './layers.ts';
import { mountNetwork } from './network.ts';
import { readPalette } from './palette.ts';
import { mountPanes } from './panes.ts';
import { startLoop } from './part.ts';
import type { Part } from './part.ts';
import { mountPay } from './pay.ts';
import { mountRings } from './rings.ts';
import { mountTheme } from './theme.ts';
import { mountWaterfall } from './waterfall.ts';

const link = readLink(location.hash);
const session = await openSession({ link });
const mounts = [
  mountBar,
  mountDuel,
  mountGuide,
  mountNetwork,
  mountRings,
  mountLayers,
  mountWaterfall,
  mountLatency,
  mountPanes,
  mountPay,
  mountCode,
  mountAddress,
];
const parts: readonly Part[] = mounts.map((mount) => mount(session));
update();

mountAnchors();
mountTheme(repaint);
let width = 0;
new ResizeObserver(() => {
  if (document.body.clientWidth === width) return;
  width = document.body.clientWidth;
  repaint();
}).observe(document.body);
session.subscribe(update);
addEventListener('pagehide', ({ persisted }) => persisted || session.close());
if (link.complaints.length > 0) announce(link.complaints.join(' '));

startLoop(parts);
session.start();
document.documentElement.dataset['ready'] = '';

function update(what?: 'state' | 'payments'): void {
  for (const part of parts) part[what === 'payments' ? 'payments' : 'update']?.();
}

function repaint(): void {
  readPalette();
  for (const part of parts) part.repaint?.();
}
