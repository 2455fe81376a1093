/** Copies a text to the clipboard and shows the result on the button that was pressed. */
import { announce, write } from './dom.ts';

/** How long the button shows the result, ms. */
const RESULT_SHOWN = 1_600;

/**
 * A page without https has no clipboard. There the text in `shown` is selected, so that the visitor can copy it. Without
 * `shown` the text is the address of the page.
 */
export function copy(text: string, button: HTMLElement, shown?: HTMLElement): void {
  const label = button.querySelector('span') ?? button;
  const before = label.textContent;
  const showResult = (result: string): void => {
    write(label, result);
    announce(result);
    setTimeout(() => write(label, before), RESULT_SHOWN);
  };
  const select = (): void => {
    if (shown) getSelection()?.selectAllChildren(shown);
    showResult(shown ? 'Selected' : 'In the address bar');
  };
  if (navigator.clipboard === undefined) return select();
  navigator.clipboard.writeText(text).then(() => showResult('Copied'), select);
}
