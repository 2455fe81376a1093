/** A minimal page: a fetch with timeout, deduplication and retries. */
import { createFetch, dedupe, retry, timeout } from 'kyoa';

const fetch = createFetch({ use: [timeout(30_000), dedupe(), retry()] });
document.title = await (await fetch('/items')).json();
