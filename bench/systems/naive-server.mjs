/**
 * What one writes first: every client's every update is its own JSON text and its own ws.send(). It makes W1 itself,
 * without Redis, which only flatters it. It begins at a line on its standard input: saturated, it takes minutes to let
 * all clients in.
 *   node naive-server.mjs <port>
 */
import { WebSocketServer } from 'ws';
import { INTERVAL_MS, Market, symbolName } from '../market.mjs';
import { SYMBOLS } from '../works/w1.mjs';

const clients = new Map();
const server = new WebSocketServer({ port: Number(process.argv[2]), host: '127.0.0.1' });
server.on('connection', (socket) => {
  socket.on('message', (message) => clients.set(socket, new Set(JSON.parse(message.toString()).symbols)));
  socket.on('close', () => clients.delete(socket));
});
server.on('listening', () => process.stdout.write('ready\n'));

const market = new Market(SYMBOLS);
let seq = 0;
function interval() {
  seq++;
  const timeUs = Date.now() * 1000;
  const updates = market.interval().map((tick, index) => ({
    symbol: symbolName(index),
    bid: tick.bidPrice ?? tick.price,
    ask: tick.askPrice ?? tick.price,
    bidSize: tick.bidSize ?? 0,
    askSize: tick.askSize ?? 0,
    last: tick.price ?? 0,
    lastSize: tick.size ?? 0,
    volume: seq * 100,
    timeUs,
    seq,
  }));
  for (const [socket, symbols] of clients) {
    // A client that is far behind is left out of this interval: without it the server dies of its own buffers.
    if (socket.bufferedAmount > 4 * 1024 * 1024) continue;
    for (const update of updates) if (symbols.has(update.symbol)) socket.send(JSON.stringify(update));
  }
}
process.stdin.once('data', () => setInterval(interval, INTERVAL_MS));
