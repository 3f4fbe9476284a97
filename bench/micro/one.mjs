/**
 * Runs the cases of one bench file and sends the figures to its parent, or prints them:
 *   node --expose-gc bench/micro/one.mjs src/gateway/lane.bench.ts [usual|quick|once]
 */
import { register } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Bench } from 'tinybench';

/** Times in ms; `once` only shows that a case runs. */
const MODES = {
  usual: { time: 300, warmupTime: 150 },
  quick: { time: 80, warmupTime: 60 },
  once: { time: 0, iterations: 2, warmup: false },
};

register('./typescript.mjs', import.meta.url);
const [file, mode = 'usual'] = process.argv.slice(2);
const { cases } = await import('./cases.ts');
await import(pathToFileURL(resolve(file)).href);

for (const { name, check } of cases) {
  await check().catch((error) => {
    throw new Error(`${file}: "${name}" does not do its work`, { cause: error });
  });
}

// What one case left behind is not collected while the next one is timed.
const bench = new Bench({ ...MODES[mode], throws: true, setup: () => globalThis.gc?.() });
for (const { name, run, before } of cases) bench.add(name, run, { beforeEach: before, async: false });
await bench.run();

const figures = bench.tasks.map(({ name, result: { latency } }, i) => {
  const { items } = cases[i];
  const ns = (ms) => (ms * 1e6) / items;
  return {
    name,
    items,
    ns: ns(latency.p50),
    nsMean: ns(latency.mean),
    margin: latency.rme,
    samples: latency.samplesCount,
  };
});
if (process.send === undefined) console.table(figures);
// Some cases leave open what would keep the process.
if (process.send === undefined) process.exit();
else process.send(figures, () => process.exit());
