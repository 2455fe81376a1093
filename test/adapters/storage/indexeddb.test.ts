import { StorageError } from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';
import { expect, test } from 'vitest';

test('indexeddb is made where there is no IndexedDB, and says what to use when it is used', async () => {
  const store = indexeddb('shop');
  for (const verb of [() => store.get('key'), () => store.set('key', 'value'), () => store.delete('key')]) {
    const error: unknown = await verb().catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ message: 'There is no IndexedDB here; use file() in Node, or memory()' });
  }
  await store.close();
});
