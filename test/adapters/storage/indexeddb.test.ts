import { StorageError } from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';
import { expect, test } from 'vitest';

test('indexeddb can be created without IndexedDB, and its operations reject with advice what to use', async () => {
  const store = indexeddb('shop');
  for (const verb of [() => store.get('key'), () => store.set('key', 'value'), () => store.delete('key')]) {
    const error: unknown = await verb().catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ message: 'There is no IndexedDB here; use file() in Node, or memory()' });
  }
  await store.close();
});
