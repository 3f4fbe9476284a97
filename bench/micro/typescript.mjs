/**
 * Lets Node load TypeScript of src and libs as it is, not what was built of it: hooks for module.register. Types are
 * left out by swc, as in a build; `#wire` and its like are sources, too.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';

const ROOT = new URL('../../', import.meta.url);
const OPTIONS = {
  sourceMaps: 'inline',
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
  },
  module: { type: 'es6' },
};

/** Where the source of a module is; null when it is no TypeScript of ours. */
function sourceOf(specifier, parent) {
  if (/^#[a-z-]+$/.test(specifier)) return new URL(`libs/${specifier.slice(1)}/src/index.ts`, ROOT);
  const isOurs = /^(\.{1,2}\/|file:)/.test(specifier) && parent?.startsWith(ROOT.href);
  if (!isOurs || parent.includes('/node_modules/')) return null;
  const source = new URL(specifier.replace(/\.js$/, '.ts'), parent);
  return source.pathname.endsWith('.ts') && existsSync(source) ? source : null;
}

export function resolve(specifier, context, next) {
  const source = sourceOf(specifier, context.parentURL);
  return source === null
    ? next(specifier, context)
    : { url: source.href, format: 'module', shortCircuit: true };
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const filename = fileURLToPath(url);
  const { code } = await transform(await readFile(filename, 'utf8'), { ...OPTIONS, filename });
  return { format: 'module', source: code, shortCircuit: true };
}
