import { requests, scenario, success, total } from './scenario.ts';
import type { Scenario } from '../types.ts';

export const hot: Scenario = scenario(
  {
    id: 'hot',
    title: 'Hot items, shared and stored',
    about: 'Calls for the same item share a request, and in an outage they get what was stored.',
  },
  [
    {
      title: 'The same few items',
      watch: 'hot',
      layers: [total],
      preset: 'steady',
      rate: 60,
      settings: { latency: { median: 250 }, calls: { hot: 0.8, items: 5 } },
      text: [
        'Four calls in five ask for one of five hot items. Each sends a request of its own: the table counts as many requests',
        'as calls.',
      ],
    },
    {
      title: 'Shared requests',
      watch: 'hot',
      layers: [total, ['dedupe']],
      text: [
        'With dedupe, a call for an item that is already on its way waits for the same response. The hotter an item, the',
        'more calls share a request. Calls for other items are as before.',
      ],
    },
    {
      title: 'Stored for an outage',
      watch: 'hot',
      act: 'network',
      layers: [['staleIfError'], total, ['dedupe']],
      settings: { latency: { median: 250 }, calls: { hot: 0.8, items: 5 }, storable: true },
      reset: true,
      text: [
        'Responses may be stored now, and staleIfError keeps the last good one of each item. Start the outage in the network',
        'panel: calls for hot items get a substitute, and only items that no call has asked for before are lost. A',
        'substitute does not count as a success.',
      ],
    },
    {
      title: 'Your turn',
      watch: 'compare',
      layers: [total],
      settings: { latency: { median: 250 }, calls: { hot: 0.8, items: 5 }, capacity: 12 },
      reset: true,
      text: [
        'The server takes twelve requests at once and refuses the others. Make the calls succeed without a larger server:',
        'send fewer requests.',
      ],
      goal: [success(0.97), requests(0.7)],
    },
  ],
);
