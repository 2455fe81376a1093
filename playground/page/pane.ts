/** A card below the onion, and the parts that several of them have. */
import { withLayer } from '../model/with-layer.ts';
import type { PolicyName, Session } from '../model/types.ts';
import { announce, h } from './dom.ts';

export interface Pane {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly element: HTMLElement;
  /** Called five times a second while the pane is on the screen. */
  readonly tick: () => void;
  /** Called five times a second, also while the pane is off the screen. */
  readonly sample?: () => void;
  /** Called when the configuration changed. */
  readonly update?: () => void;
}

export interface Wish {
  readonly element: HTMLElement;
  /** Shows the wish only while the onion lacks the policy. */
  readonly update: () => void;
}

/** A hint that the onion lacks a policy, with a button that adds it. */
export function wishFor(session: Session, policy: PolicyName, why: string): Wish {
  const add = h('button', { class: 'button small', type: 'button' }, `Add ${policy}`);
  const element = h('p', { class: 'hint wish' }, h('span', {}, why), add);
  add.addEventListener('click', () => {
    session.configure({ stack: withLayer(session.configuration.stack, policy) });
    announce(`${policy} added`);
  });

  return {
    element,
    update() {
      element.hidden = session.configuration.stack.some((entry) => entry.on && entry.policy === policy);
    },
  };
}
