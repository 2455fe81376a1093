/** Reports changes to the other tabs of this page, and receives theirs. */

export type Change = 'settings' | 'payments';

export interface TabChannel {
  report(change: Change): void;
  close(): void;
}

export function openTabChannel(received: (change: Change) => void): TabChannel {
  const channel = new BroadcastChannel('kyoa-playground');
  channel.addEventListener('message', ({ data }) => received(data as Change));

  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
    report: (change) => channel.postMessage(change),
    close: () => channel.close(),
  };
}
