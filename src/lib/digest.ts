/** A digest of 64 hexadecimal digits: SHA-256, or FNV-1a where a page on plain http has no `crypto.subtle`. */
export async function digest(data: Blob | string): Promise<string> {
  const blob = data instanceof Blob ? data : new Blob([data]);
  // React Native has no `Blob.arrayBuffer`.
  const bytes = new Uint8Array(await ('arrayBuffer' in blob ? blob : new Response(blob)).arrayBuffer());
  const hash = crypto.subtle ? new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)) : fnv(bytes);
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** FNV-1a in eight lanes of 32 bits. Different data has different digests, unless an attacker has chosen the data. */
function fnv(bytes: Uint8Array): Uint8Array {
  const lanes = Uint32Array.from({ length: 8 }, (_, lane) => 0x811c9dc5 ^ lane);
  bytes.forEach((byte, index) => {
    const lane = index % lanes.length;
    lanes[lane] = Math.imul(lanes[lane]! ^ byte, 0x01000193);
  });
  lanes[0]! ^= bytes.length;
  return new Uint8Array(lanes.buffer);
}
