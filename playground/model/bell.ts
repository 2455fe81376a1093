/** Tells the other tabs of this page that something has changed, and is told by them. */

export type News = 'weather' | 'payments';

export interface Bell {
  ring(news: News): void;
  close(): void;
}

export function openBell(hear: (news: News) => void): Bell {
  const channel = new BroadcastChannel('kyoa-playground');
  channel.addEventListener('message', ({ data }) => hear(data as News));

  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
    ring: (news) => channel.postMessage(news),
    close: () => channel.close(),
  };
}
