/** What `require('kyoa')` returns in Node: the client, with every export of `kyoa` as a member. */
import kyoa, * as exported from './index.ts';

const call: typeof kyoa = ((...given: Parameters<typeof kyoa>) => kyoa(...given)) as never;

/**
 * Another function than the client that `import` gives, whose own member `retry` is ky's and not the policy. By `__esModule`
 * the code that compilers make of `import kyoa from 'kyoa'` takes `default`, and so that client.
 */
const required: object = Object.assign(call, kyoa, exported, { __esModule: true });

export * from './index.ts';
export { kyoa as default, required as 'module.exports' };
