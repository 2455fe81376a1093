import { afterEach, describe, expect, test, vi } from 'vitest';
import { digest } from '../../src/lib/digest.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('digest', () => {
  test('is SHA-256 in hexadecimal digits, of a string or a Blob', async () => {
    expect(await digest('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(await digest(new Blob(['abc']))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  test('differs for different data where there is no crypto.subtle', async () => {
    vi.stubGlobal('crypto', {});
    const data = ['', 'a', 'b', 'ab', 'ba', 'order 42', 'order 43', 'x'.repeat(100_000), 'x'.repeat(100_001)];
    const digests = await Promise.all(data.map((each) => digest(each)));
    for (const one of digests) expect(one).toMatch(/^[\da-f]{64}$/);
    expect(new Set(digests).size).toBe(data.length);
    expect(await digest('order 42')).toBe(digests[5]);
  });

  test('stays the same between versions where there is no crypto.subtle, because storages keep it', async () => {
    vi.stubGlobal('crypto', {});
    expect(await digest('order 42')).toBe('96320cea82450cf699270ce399270ce3c9400cf3a0870c20d5ab0c37d0a00c30');
  });
});
