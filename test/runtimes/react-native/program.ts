/** The checks in Node, after its globals were replaced by those of React Native, or of Expo on React Native. */
import { recorded } from '../outcomes.ts';
import { ExpoFetchModule } from './expo-module.ts';
import { FileReader, FormData, NativeBlob, XMLHttpRequest } from './platform.ts';
import { crypto, DOMException } from './polyfills.ts';

interface Input {
  readonly origin: string;
  readonly without: readonly string[];
  /** Files: the fetch of React Native, a polyfill of streams and, if it is Expo, its fetch. */
  readonly whatwgFetch: string;
  readonly streams: string;
  readonly expoFetch?: string;
}

const { origin, without, whatwgFetch, streams, expoFetch } = JSON.parse(process.argv[2]!) as Input;
const globals = globalThis as Record<string, unknown>;
const missing =
  /Stream|^(DOMException|crypto|structuredClone|FinalizationRegistry|WeakRef|fetch|Headers|Request|Response|File)$/;
for (const name of Object.getOwnPropertyNames(globals)) if (missing.test(name)) delete globals[name];

Object.assign(globals, { Blob: NativeBlob, FileReader, FormData, XMLHttpRequest, crypto });
await import(whatwgFetch);
await import(streams);
if (expoFetch === undefined) Object.assign(globals, { DOMException });
else {
  Object.assign(globals, { ExpoFetchModule });
  Object.assign(globals, await import(expoFetch)); // fetch and DOMException
}

const { smoke } = await import('../smoke.ts');
await smoke(
  recorded((outcome) => console.log(JSON.stringify(outcome))),
  { origin, without },
);
