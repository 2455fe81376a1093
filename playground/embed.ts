/**
 * The custom element `<kyoa-live policy="retry">`: a small live picture of one policy, for the pages of the documentation.
 *
 *   <script type="module" src="playground/embed.js"></script>
 *   <kyoa-live policy="retry"></kyoa-live>
 *
 * The calls are made by kyoa on a network that is simulated in the page; nothing is requested from a server. The picture
 * itself is loaded when the element comes near the screen. It runs while it is on the screen. The colours follow the class
 * or the `data-theme` of the root element (`dark`, `light`), else its `color-scheme`, else the system. `playground` is the
 * address of the playground for the link, by default the folder of this script.
 */
import type { Stage } from './embed/stage.ts';
import { watchTheme } from './embed/theme.ts';

/** How far below the screen an element may be when its picture is loaded. */
const NEAR = '300px';

export class KyoaLive extends HTMLElement {
  static readonly observedAttributes = ['policy'];

  #stage: Stage | undefined;
  /** Aborted when the element is removed or gets another policy. It ends every listener and every observer. */
  #connection: AbortController | undefined;
  #isVisible = false;

  connectedCallback(): void {
    const connection = new AbortController();
    this.#connection = connection;
    const { signal } = connection;

    const loading = new IntersectionObserver(
      ([entry]) => {
        if (!entry?.isIntersecting) return;
        loading.disconnect();
        this.#load(signal).catch(reportError);
      },
      { rootMargin: NEAR },
    );
    const running = new IntersectionObserver(([entry]) => {
      this.#isVisible = entry?.isIntersecting ?? false;
      this.#run();
    });
    loading.observe(this);
    running.observe(this);
    signal.addEventListener('abort', () => {
      loading.disconnect();
      running.disconnect();
    });
    document.addEventListener('visibilitychange', () => this.#run(), { signal });
    watchTheme(this, () => this.#stage?.repaint(), signal);
  }

  disconnectedCallback(): void {
    this.#connection?.abort();
    this.#stage?.close();
    this.#stage = undefined;
    this.#isVisible = false;
  }

  attributeChangedCallback(_name: string, before: string | null, now: string | null): void {
    if (before === now || !this.isConnected || before === null) return;
    this.disconnectedCallback();
    this.connectedCallback();
  }

  async #load(signal: AbortSignal): Promise<void> {
    const { openStage } = await import('./embed/stage.ts');
    if (signal.aborted) return;
    const root = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    const playground = new URL(this.getAttribute('playground') ?? import.meta.url, document.baseURI);
    this.#stage = openStage(root, this.getAttribute('policy') ?? '', new URL('./', playground));
    this.#run();
  }

  #run(): void {
    this.#stage?.show(this.#isVisible && !document.hidden);
  }
}

if (!customElements.get('kyoa-live')) customElements.define('kyoa-live', KyoaLive);
