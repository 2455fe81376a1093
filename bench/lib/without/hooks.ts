/** Loads a simple module of this folder in the place of one of src/core/engine. */
import { registerHooks } from 'node:module';

/** `name` is the name of the file in both folders. */
export function replaceEngine(name: string): void {
  const original = new URL(`../../../src/core/engine/${name}.ts`, import.meta.url).href;
  const replacement = new URL(`${name}.ts`, import.meta.url).href;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context);
      const isReplaced = resolved.url === original && context.parentURL !== replacement;
      return isReplaced ? { ...resolved, url: replacement } : resolved;
    },
  });
}
