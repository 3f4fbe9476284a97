/** Bare `ws` as its own page shows it: default options, listeners made for each connection, a word of welcome. */
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
server.on('connection', (socket) => {
  socket.on('error', console.error);
  socket.on('message', (data) => {
    socket.send(data);
  });
  socket.send('{"type":"welcome"}');
});
server.on('listening', () => process.stdout.write(`ready on port ${server.address().port}\n`));
