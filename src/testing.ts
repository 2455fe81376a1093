/** The public names of `kyoa/testing`. */
export { storageContract } from './testing/storage-contract.ts';
export type { Clause, StorageContractOptions } from './testing/storage-contract.ts';
export { script } from './testing/script.ts';
export type { Call, Replies, Routes, Script } from './testing/script.ts';
export type { Fault, Reply } from './testing/reply.ts';
export { virtualTime } from './testing/virtual-time.ts';
export type { VirtualTime } from './testing/virtual-time.ts';
