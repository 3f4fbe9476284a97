import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const source = (path: string) => fileURLToPath(new URL(`../libs/${path}/src/index.ts`, import.meta.url));

// biome-ignore lint/style/noDefaultExport: Vite looks for one
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // The service may stand behind a proxy, under any path.
  base: './',
  resolve: {
    alias: {
      '#client': source('client'),
      '#market-data': source('market-data'),
      '#wire': source('wire'),
    },
  },
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    // Nothing is inlined: the pages run under a policy that allows no inline script.
    assetsInlineLimit: 0,
  },
});
