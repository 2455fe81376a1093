/** The least that a page would bundle: a fetch with limits, retries and shared requests. */
import { createFetch, dedupe, retry, timeout } from 'kyoa';

const fetch = createFetch({ use: [timeout(30_000), dedupe(), retry()] });
document.title = await (await fetch('/items')).json();
