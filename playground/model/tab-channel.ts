/** Reports payments to the other tabs of this page, and receives theirs. */

export interface TabChannel {
  report(): void;
  close(): void;
}

export function openTabChannel(received: () => void): TabChannel {
  const channel = new BroadcastChannel('kyoa-playground');
  channel.addEventListener('message', received);

  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
    report: () => channel.postMessage('payments'),
    close: () => channel.close(),
  };
}
