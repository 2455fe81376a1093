/** What the peers read, which bundlers put in the place of it. */
globalThis.process ??= { env: { NODE_ENV: 'production' } };
