import 'reflect-metadata';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, type INestApplication, Module, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { freePort } from '../../test/support/free-port.js';
import { type Config, readConfig } from '../config.js';
import { CoreModule } from '../core.module.js';
import { createHttpAdapter } from '../http-limits.js';
import { serveFirstScreen } from './first-screen.js';
import { Health } from './health.js';
import { Lifecycle } from './lifecycle.js';
import { OpsModule } from './ops.module.js';
import { Readiness } from './readiness.js';

@Controller()
class WhoController {
  @Get('who')
  who(@Req() request: { ip: string }): { ip: string } {
    return { ip: request.ip };
  }
}

const started: INestApplication[] = [];

async function start(environment: Record<string, string> = {}) {
  const config: Config = readConfig({ TICKCAST_LOG_LEVEL: 'silent', ...environment });
  @Module({ imports: [CoreModule.forRoot(config), OpsModule], controllers: [WhoController] })
  class SpecModule {}
  const app = await NestFactory.create<NestFastifyApplication>(SpecModule, createHttpAdapter(config), {
    logger: false,
    abortOnError: false,
  });
  started.push(app);
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((app) => app.close()));
});

describe('health over HTTP', () => {
  it('is live and ready, and names the reasons when it is not', async () => {
    const { app, url } = await start();
    expect(await (await fetch(`${url}/live`)).json()).toEqual({ live: true });
    const ready = await fetch(`${url}/ready`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, faults: {} }]);

    app.get(Readiness).add('registry', () => 'not loaded');
    const unready = await fetch(`${url}/ready`);
    expect(unready.status).toBe(503);
    expect(await unready.json()).toEqual({ ready: false, faults: { registry: 'not loaded' } });
    expect((await fetch(`${url}/live`)).status).toBe(200);
  });

  it('fails readiness first when the process stops', async () => {
    const { app, url } = await start();
    const seen: number[] = [];
    const lifecycle = app.get(Lifecycle);
    lifecycle.onStop('readiness', 'spec', async () => {
      seen.push((await fetch(`${url}/ready`)).status);
    });
    await lifecycle.stop();
    expect(seen).toEqual([503]);
  });

  it('stays ready while something is degraded, and says what', async () => {
    const { app, url } = await start();
    app.get(Health).add('redis', () => 'no answer for 3 s');
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
      status: 'degraded',
      roles: ['feed', 'fanout', 'gateway', 'admin'],
      embedded: true,
      degraded: { redis: 'no answer for 3 s' },
    });
  });

  it('gives figures as Prometheus text', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    const text = await response.text();
    expect(text).toMatch(/^tickcast_ready 1$/m);
    expect(text).toMatch(/^tickcast_event_loop_lag_seconds 0/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
  });
});

describe('agent check', () => {
  const ask = async (port: number) => {
    const socket = connect(port, '127.0.0.1');
    return Buffer.concat(await socket.toArray()).toString();
  };

  it('answers full weight, a tenth when degraded, and drain when stopping', async () => {
    const agentPort = await freePort();
    const { app } = await start({ TICKCAST_AGENT_PORT: String(agentPort) });
    expect(await ask(agentPort)).toBe('ready up 100%\n');
    app.get(Health).add('partitions', () => '3 of 16 are silent');
    expect(await ask(agentPort)).toBe('ready up 10%\n');
    const draining: string[] = [];
    const lifecycle = app.get(Lifecycle);
    lifecycle.onStop('drain', 'spec', async () => {
      draining.push(await ask(agentPort));
    });
    await lifecycle.stop();
    expect(draining).toEqual(['drain\n']);
    await expect(ask(agentPort)).rejects.toThrow('ECONNREFUSED');
  });
});

describe('PROXY protocol port', () => {
  const header = (hex: string) => Buffer.from(`0d0a0d0a000d0a515549540a${hex}`, 'hex');
  const ipv4 = header('2111000cc00002070a000001d4311f90');
  const request = 'GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const exchange = async (port: number, ...parts: (Buffer | string)[]) => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.setNoDelay(true);
    for (const part of parts) {
      socket.write(part);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return Buffer.concat(await socket.toArray()).toString();
  };

  it('serves the connection as if the client had made it itself', async () => {
    const port = await freePort();
    await start({ TICKCAST_PROXY_PORT: String(port) });
    expect(await exchange(port, ipv4, request)).toMatch(/200 OK[\s\S]*{"ip":"192.0.2.7"}$/);
    const whole = Buffer.concat([ipv4, Buffer.from(request)]);
    expect(await exchange(port, whole)).toMatch(/{"ip":"192.0.2.7"}$/);
    const bytes = [...whole].map((byte) => Buffer.of(byte));
    expect(await exchange(port, ...bytes)).toMatch(/{"ip":"192.0.2.7"}$/);
    expect(await exchange(port, header('20000000'), request)).toMatch(/{"ip":"127.0.0.1"}$/);
  });

  it('closes connections without a header, from elsewhere, or that send none in time, and counts them', async () => {
    const port = await freePort();
    const { url } = await start({ TICKCAST_PROXY_PORT: String(port) });
    expect(await exchange(port, request)).toBe('');
    const silent = connect(port, '127.0.0.1');
    expect(Buffer.concat(await silent.toArray()).toString()).toBe('');
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^tickcast_proxy_refused_total 2$/m);

    const distrustful = await freePort();
    await start({ TICKCAST_PROXY_PORT: String(distrustful), TICKCAST_PROXY_FROM: '192.0.2.0/24' });
    expect(await exchange(distrustful)).toBe('');
  });

  it('does not believe a header on the ordinary port', async () => {
    const { url } = await start();
    expect(await exchange(Number(new URL(url).port), ipv4, request)).toMatch(/^HTTP\/1.1 400/);
    const forged = await fetch(`${url}/who`, { headers: { 'x-forwarded-for': '198.51.100.1' } });
    expect(await forged.json()).toEqual({ ip: '127.0.0.1' });
  });
});

describe('first screen', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tickcast-pages-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const serve = async () => {
    const fastify = new FastifyAdapter().getInstance();
    await serveFirstScreen(fastify, folder);
    return fastify;
  };

  it('serves the built pages: the page always asked for anew, its assets kept', async () => {
    await mkdir(join(folder, 'assets'));
    await writeFile(join(folder, 'index.html'), '<title>Watchlist</title>');
    await writeFile(join(folder, 'assets', 'main-a1b2.js'), '1');
    const fastify = await serve();
    const page = await fastify.inject('/');
    expect(page.body).toBe('<title>Watchlist</title>');
    expect(page.headers['cache-control']).toBe('no-cache');
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    const script = await fastify.inject('/assets/main-a1b2.js');
    expect(script.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect((await fastify.inject('/../package.json')).statusCode).toBe(404);
    expect((await fastify.inject('/nothing')).statusCode).toBe(404);
  });

  it('says what to do when the pages are not built', async () => {
    const page = await (await serve()).inject('/');
    expect(page.statusCode).toBe(200);
    expect(page.body).toContain('npm run build');
  });
});

describe('HTTP limits', () => {
  it('cuts off half a request after 5 s, and refuses long headers', async () => {
    const { url } = await start();
    const port = Number(new URL(url).port);
    const half = connect(port, '127.0.0.1');
    half.write('GET /live HTTP/1.1\r\nHost: a\r\n');
    const long = connect(port, '127.0.0.1');
    long.end(`GET /live HTTP/1.1\r\nHost: a\r\nCookie: ${'x'.repeat(9_000)}\r\n\r\n`);
    const answers = await Promise.all([half, long].map((socket) => socket.toArray()));
    expect(answers.map((chunks) => Buffer.concat(chunks).toString().split('\r\n', 1)[0])).toEqual([
      'HTTP/1.1 408 Request Timeout',
      'HTTP/1.1 431 Request Header Fields Too Large',
    ]);
  });
});
