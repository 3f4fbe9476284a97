/** node socketio-server.mjs <port> <redis port> */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../peers/package.json', import.meta.url));
const { Server } = require('socket.io');
const { createAdapter } = require('@socket.io/redis-adapter');
const Redis = require('ioredis');

const [, , port, redisPort] = process.argv;
const redis = () => new Redis(Number(redisPort), '127.0.0.1');
const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(redis(), redis()),
  pingInterval: 600_000,
  pingTimeout: 600_000,
});
io.on('connection', (socket) => socket.join(socket.handshake.query.symbols.split(',')));
http.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
