/** What docs/runtimes.md asks an application on React Native to load before kyoa. Expo brings the first two itself. */
import { webcrypto } from 'node:crypto';

export class DOMException extends Error {
  constructor(message?: string, name = 'Error') {
    super(message);
    this.name = name;
  }
}

/** As `react-native-get-random-values` has it: without `randomUUID` and `subtle`. */
export const crypto = {
  getRandomValues: (array: Uint8Array<ArrayBuffer>): Uint8Array => webcrypto.getRandomValues(array),
};
