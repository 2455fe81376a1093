/** A style sheet as text, which the bundler puts into the module. */
declare module '*.css' {
  export const css: string;
}
