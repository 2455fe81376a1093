/** Copying, and saying so on the button that was pressed. */
import { announce, write } from './dom.ts';

/** ms. */
const SAID = 1_600;

/** Where there is no clipboard, as on a page without https, what can be copied by hand is selected. */
export function copy(text: string, button: HTMLElement, shown?: HTMLElement): void {
  const label = button.querySelector('span') ?? button;
  const before = label.textContent;
  const say = (said: string): void => {
    write(label, said);
    announce(said);
    setTimeout(() => write(label, before), SAID);
  };
  const select = (): void => {
    if (shown) getSelection()?.selectAllChildren(shown);
    say(shown ? 'Selected' : 'In the address bar');
  };
  if (navigator.clipboard === undefined) return select();
  navigator.clipboard.writeText(text).then(() => say('Copied'), select);
}
