/** node uws-server.mjs <port> */
import { createRequire } from 'node:module';
import { INTERVAL_MS } from '../market.mjs';
import { encode, interval } from '../peer-update.mjs';

const uWS = createRequire(new URL('../peers/package.json', import.meta.url))('uwebsockets');
const app = uWS.App();
app.ws('/*', {
  maxBackpressure: 16 * 1024 * 1024,
  message: (socket, message) => {
    for (const symbol of JSON.parse(Buffer.from(message).toString())) socket.subscribe(symbol);
  },
});
app.listen('127.0.0.1', Number(process.argv[2]), () => process.stdout.write('ready\n'));
setInterval(() => {
  for (const { symbol, values } of interval()) app.publish(symbol, encode(values), true);
}, INTERVAL_MS);
