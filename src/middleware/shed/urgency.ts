/** The urgency in the `Priority` field of a request (RFC 9218 §4.1). */

export const defaultUrgency = 3;

/** 0 to 7; 0, which lowers nothing, for a field that is absent, malformed or without a valid `u`. */
export function sentUrgency(field: string | null): number {
  if (field === null) return 0;
  // Of a member that occurs twice, the last one counts (RFC 9651 §4.2.2).
  const members = Array.from(field.matchAll(/(?:^|,)[ \t]*u=([^,;]*)/g), ([, value]) => value!.trim());
  const last = members.at(-1) ?? '';
  return /^[0-7]$/.test(last) ? Number(last) : 0;
}
