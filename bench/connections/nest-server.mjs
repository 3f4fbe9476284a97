/**
 * A stock Nest gateway with three message handlers on platform-ws. Decorators are called as functions: this file is not
 * compiled.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';

class StreamGateway {
  subscribe(_socket, data) {
    return { event: 'subscribed', data };
  }

  unsubscribe(_socket, data) {
    return { event: 'unsubscribed', data };
  }

  list() {
    return { event: 'list', data: [] };
  }
}

for (const handler of ['subscribe', 'unsubscribe', 'list']) {
  const descriptor = Object.getOwnPropertyDescriptor(StreamGateway.prototype, handler);
  SubscribeMessage(handler)(StreamGateway.prototype, handler, descriptor);
}
WebSocketGateway({ path: '/v1/stream' })(StreamGateway);

class AppModule {}
Module({ providers: [StreamGateway] })(AppModule);

const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: ['error'] });
app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(0, '127.0.0.1');
process.stdout.write(`ready on port ${app.getHttpServer().address().port}\n`);
