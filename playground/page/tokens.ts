/** "Two tabs, one token": what happens when a token expires while two tabs of an app use it. */
import { createTokenApp } from '../model/tokens.ts';
import type { TokenLane } from '../model/tokens.ts';
import { announce, h, set, write } from './dom.ts';
import type { Pane } from './pane.ts';

/** The calls that each tab makes at once. */
const burst = 4;

export function mountTokens(): Pane {
  const lanes = [mountLane('plain', 'an interceptor'), mountLane('kyoa', 'kyoa’s auth')];
  const call = h('button', { class: 'button small', type: 'button', onclick: () => each('call') }, 'Call in both tabs');
  const expire = h(
    'button',
    { class: 'button small', type: 'button', onclick: () => each('expire') },
    'Let the token expire',
  );
  const signIn = h('button', { class: 'button small', type: 'button', onclick: () => each('signIn') }, 'Sign in again');
  const element = h(
    'div',
    {},
    h('div', { class: 'tools' }, call, expire, signIn),
    h('div', { class: 'token-lanes' }, ...lanes.map(({ element }) => element)),
  );

  function each(what: 'call' | 'expire' | 'signIn'): void {
    for (const lane of lanes) lane[what]();
    if (what === 'expire') announce('The token has expired, and both tabs call');
    if (what === 'signIn') announce('Signed in');
  }

  return {
    id: 'tokens',
    title: 'Two tabs, one token',
    about:
      'Both tabs of an app use the same token. The token server gives a new refresh token with each renewal, and ends the ' +
      'session if an old one comes back.',
    element,
    tick() {
      for (const lane of lanes) lane.tick();
    },
  };
}

interface LaneView {
  readonly element: HTMLElement;
  readonly call: () => void;
  readonly expire: () => void;
  readonly signIn: () => void;
  readonly tick: () => void;
}

function mountLane(lane: TokenLane, name: string): LaneView {
  const app = createTokenApp(lane);
  const lists = [1, 2].map((tab) => h('ol', { class: 'token-calls', 'aria-label': `Calls of tab ${tab}, ${name}` }));
  const words = h('p', { class: 'token-words' });
  const element = h(
    'div',
    { class: 'token-lane' },
    h('h3', {}, name),
    ...lists.map((list, index) => h('div', { class: 'token-tab' }, h('b', {}, `tab ${index + 1}`), list)),
    words,
  );
  let shown = '';

  const call = (): void => {
    app.call(burst).catch(reportError);
    tick();
  };

  function tick(): void {
    const { renewals, reused, isSignedIn } = app.facts();
    write(words, factsIn(renewals, reused, isSignedIn));
    set(element, { 'data-signed-out': !isSignedIn });
    const key = JSON.stringify(app.calls());
    if (key === shown) return;
    shown = key;
    for (const [index, calls] of app.calls().entries()) {
      lists[index]!.replaceChildren(
        ...calls.map(({ number, state }) =>
          h('li', { 'data-state': state, title: `call ${number}: ${labels[state]}` }, labels[state]),
        ),
      );
    }
  }

  return {
    element,
    call,
    expire() {
      app.expire();
      call();
    },
    signIn: () => void app.signIn().then(tick, reportError),
    tick,
  };
}

const labels = { running: '…', good: '200', refused: '401' };

function factsIn(renewals: number, reused: number, isSignedIn: boolean): string {
  const renewed = renewals === 1 ? '1 renewal' : `${renewals} renewals`;
  const stolen = reused === 0 ? '' : `, ${reused} with a used token`;
  return `${renewed}${stolen}; ${isSignedIn ? 'signed in' : 'signed out'}`;
}
