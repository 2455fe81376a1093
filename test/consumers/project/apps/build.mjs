/** Builds both pages with the bundler that the command line names, configured as the bundler's documentation describes. */
const pages = ['app', 'fetch'];

const builders = {
  async vite() {
    const { build } = await import('vite');
    for (const page of pages) {
      const rollupOptions = { input: `apps/${page}.js`, output: { entryFileNames: '[name].js' } };
      const options = { target: 'es2022', outDir: 'out/vite', emptyOutDir: false, rollupOptions };
      await build({ configFile: false, logLevel: 'warn', build: options });
    }
  },
  async esbuild() {
    const { build } = await import('esbuild');
    const entryPoints = pages.map((page) => `apps/${page}.js`);
    await build({ entryPoints, bundle: true, minify: true, format: 'esm', outdir: 'out/esbuild' });
  },
  async rollup() {
    const { rollup } = await import('rollup');
    const { default: resolve } = await import('@rollup/plugin-node-resolve');
    const { default: terser } = await import('@rollup/plugin-terser');
    for (const page of pages) {
      const bundle = await rollup({ input: `apps/${page}.js`, plugins: [resolve({ browser: true }), terser()] });
      await bundle.write({ dir: 'out/rollup', format: 'es' });
      await bundle.close();
    }
  },
  async webpack() {
    const { default: webpack } = await import('webpack');
    const { promise, resolve, reject } = Promise.withResolvers();
    const entry = Object.fromEntries(pages.map((page) => [page, `./apps/${page}.js`]));
    const output = { path: `${process.cwd()}/out/webpack`, filename: '[name].js', module: true, chunkFormat: 'module' };
    const compiler = webpack({ mode: 'production', entry, output, experiments: { outputModule: true } });
    compiler.run((error, stats) => (error || stats.hasErrors() ? reject(error ?? stats.toString()) : resolve()));
    await promise;
    await new Promise((closed) => compiler.close(closed));
  },
};

await builders[process.argv[2]]();
