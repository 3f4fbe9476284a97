/**
 * Wires that can be hurt, in a process of its own: one inside the test would stall with it. Each link passes the
 * connections to one loopback port on to another, in one of these modes:
 *
 *   pass       everything passes
 *   delay      every piece passes `ms` later, in both directions
 *   stall      connections stay open and new ones are taken, nothing passes: a network that loses every packet
 *   half-open  what the target says does not pass: the other side is gone, and nobody was told
 *   reset      all connections are reset, and every new one at once
 *
 * Back in `pass`, what was held back comes first, as TCP sends again what was lost.
 *
 *   POST /links?target=6379          → {"port": 40123}
 *   POST /links/40123?mode=delay&ms=50
 */
import { createServer as createHttp } from 'node:http';
import { connect, createServer } from 'node:net';

const MODES = ['pass', 'delay', 'stall', 'half-open', 'reset'];
const links = new Map();

class Link {
  mode = 'pass';
  delayMs = 0;
  pairs = new Set();

  constructor(target) {
    this.target = target;
    this.server = createServer({ pauseOnConnect: true }, (client) => this.accept(client));
  }

  accept(client) {
    client.on('error', () => client.destroy());
    if (this.mode === 'reset') return void client.resetAndDestroy();
    const pair = { client, target: null };
    this.pairs.add(pair);
    client.on('close', () => {
      this.pairs.delete(pair);
      pair.target?.destroy();
    });
    if (this.mode !== 'stall') this.connect(pair);
  }

  connect(pair) {
    const { client } = pair;
    const target = connect(this.target, '127.0.0.1');
    pair.target = target;
    target.on('error', () => target.destroy());
    target.on('close', () => this.mode !== 'half-open' && this.mode !== 'stall' && client.destroy());
    this.pipe(client, target, true);
    this.pipe(target, client, false);
    this.flow(pair);
  }

  pipe(from, to, isClient) {
    from.setNoDelay(true);
    const write = (bytes) => {
      if (!to.destroyed && !to.write(bytes)) from.pause();
    };
    // Pieces that wait, oldest first: what comes after them waits behind them, also when the delay is over.
    const waiting = [];
    const deliver = () => {
      while (waiting.length > 0 && waiting[0].dueMs <= performance.now()) write(waiting.shift().bytes);
      if (waiting.length > 0) setTimeout(deliver, Math.ceil(waiting[0].dueMs - performance.now()));
    };
    from.on('data', (bytes) => {
      if (this.mode !== 'delay' && waiting.length === 0) return write(bytes);
      waiting.push({ bytes, dueMs: performance.now() + (this.mode === 'delay' ? this.delayMs : 0) });
      if (waiting.length === 1) setTimeout(deliver, this.delayMs);
    });
    to.on('drain', () => this.flows(isClient) && from.resume());
  }

  flows(isClient) {
    return this.mode !== 'stall' && (isClient || this.mode !== 'half-open');
  }

  flow({ client, target }) {
    if (this.flows(true)) client.resume();
    else client.pause();
    if (this.flows(false)) target.resume();
    else target.pause();
  }

  set(mode, ms) {
    this.mode = mode;
    this.delayMs = ms;
    for (const pair of this.pairs) {
      if (mode === 'reset') {
        pair.client.resetAndDestroy();
        pair.target?.destroy();
      } else if (pair.target === null) {
        if (mode !== 'stall') this.connect(pair);
      } else if (pair.target.destroyed && mode === 'pass') pair.client.destroy();
      else this.flow(pair);
    }
  }
}

async function answer(url) {
  const [, , port] = url.pathname.split('/');
  if (port === undefined) {
    const link = new Link(Number(url.searchParams.get('target')));
    await new Promise((resolve, reject) => {
      link.server.once('error', reject);
      link.server.listen(0, '127.0.0.1', resolve);
    });
    links.set(link.server.address().port, link);
    return { port: link.server.address().port };
  }
  const link = links.get(Number(port));
  const mode = url.searchParams.get('mode');
  if (link === undefined || !MODES.includes(mode)) throw new Error(`Expected a link and a mode, was ${url}`);
  link.set(mode, Number(url.searchParams.get('ms') ?? 0));
  return { connections: link.pairs.size };
}

const control = createHttp((request, response) => {
  answer(new URL(request.url, 'http://proxy')).then(
    (body) => response.end(JSON.stringify(body)),
    (error) => response.writeHead(400).end(String(error)),
  );
});
control.listen(0, '127.0.0.1', () => {
  process.stdout.write(`fault proxy ready at http://127.0.0.1:${control.address().port}\n`);
});
// Ends with the test, also when that is killed.
setInterval(() => process.ppid === 1 && process.exit(0), 500);
