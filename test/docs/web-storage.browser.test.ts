/** The storage that docs/writing-a-storage.md builds keeps the contract, in a real browser. */
import { storageContract } from 'kyoa/testing';
import { describe, expect, test } from 'vitest';

import { webStorage } from '../../docs/examples/web-storage.ts';

describe('a storage of one’s own, on localStorage', () => {
  test.each(storageContract(() => webStorage('contract')))('$name', ({ run }) => run());

  test('is a StorageError when it is full', async () => {
    const storage = webStorage('full');
    await expect(storage.set('big', 'x'.repeat(12_000_000))).rejects.toMatchObject({ code: 'STORAGE' });
    await storage.close();
    await expect(storage.get('big')).rejects.toMatchObject({ code: 'STORAGE' });
  });
});
