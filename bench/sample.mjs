/**
 * A few clients that decode everything. Numbers must rise, or for trades be without a hole; at the end the images that
 * they computed must equal those of a fresh subscriber, and what the feed sent last.
 *   node sample.mjs <port,port…> <work> <options>
 * Says `subscribed`; answers a line with the feed's last values (JSON), when the feed stands still, with what it found.
 */
import { createInterface } from 'node:readline';
import { SampledClient } from './sampled-client.mjs';
import { addBytes, bytesFound, newByteCounts } from './update-bytes.mjs';
import { WORKS } from './works/works.mjs';

/** Faults that are told: the first says most. */
const FAULTS_TOLD = 5;

const [, , ports, workKey, options] = process.argv;
const work = WORKS[workKey];
const gateways = ports.split(',');
const open = (index) =>
  new SampledClient(gateways[index % gateways.length], work.watch(index, JSON.parse(options)));
const sample = work.sample.map((index) => ({ index, client: open(index) }));
await Promise.all(sample.map(({ client }) => client.subscribed));
process.stdout.write('subscribed\n');

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Compares the images of a client with those of a fresh subscriber, and with the feed. @returns how many there were */
async function compare({ index, client }, last) {
  const fresh = open(index);
  await fresh.subscribed;
  for (let waited = 0; fresh.images.size < client.images.size && waited < 10_000; waited += 20)
    await pause(20);
  fresh.close();
  const symbols = new Set([...fresh.images.keys(), ...client.images.keys()]);
  for (const symbol of symbols) {
    const computed = client.images.get(symbol) ?? {};
    for (const [name, value] of Object.entries(fresh.images.get(symbol) ?? { image: 'none' })) {
      if (computed[name] !== value)
        client.faults.push(`${symbol} ${name}: computed ${computed[name]}, image ${value}`);
    }
    for (const [name, value] of Object.entries(last[symbol] ?? {})) {
      if (computed[name] !== value) client.faults.push(`${symbol} ${name}: ${computed[name]}, fed ${value}`);
    }
  }
  return symbols.size;
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  let compared = 0;
  for (const one of sample) {
    if (work.watch(one.index, {}).kind === 'ticker') compared += await compare(one, JSON.parse(line));
  }
  const sum = (name) => sample.reduce((total, { client }) => total + client[name], 0);
  const counts = newByteCounts();
  for (const { client } of sample) addBytes(counts, client.byteCounts);
  const faults = sample.flatMap(({ client }) => client.faults);
  if (sum('records') === 0) faults.push('nothing came');
  const found = {
    clients: sample.length,
    compared,
    records: sum('records'),
    states: sum('states'),
    leftOut: sum('leftOut'),
    bytes: bytesFound(counts),
    faults: faults.slice(0, FAULTS_TOLD),
  };
  process.stdout.write(`${JSON.stringify(found)}\n`);
});
