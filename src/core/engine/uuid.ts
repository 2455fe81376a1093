/** RFC 9562, version 4. `crypto.randomUUID` exists in secure contexts only; `getRandomValues` exists on plain http, too. */
export function uuid(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  // The 4 is the version. The variant is two bits, of the digit that is 8 here; all other digits are random.
  return '00000000-0000-4000-8000-000000000000'.replace(/[08]/g, (digit) => {
    const random = crypto.getRandomValues(new Uint8Array(1))[0]! & (digit === '0' ? 15 : 3);
    return (Number(digit) | random).toString(16);
  });
}
