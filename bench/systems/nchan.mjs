/** nginx with the nchan module: a channel per symbol, subscribed to over one WebSocket, published to over another each. */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientFrame, upgradeRequest } from '../frames.mjs';
import { symbolName } from '../market.mjs';
import { TEMPORARY } from '../native.mjs';
import { end, freePort, start, startBeside } from '../processes.mjs';

const PUBLISHER = join(dirname(fileURLToPath(import.meta.url)), 'nchan-publisher.mjs');
const MODULE = '/usr/lib/nginx/modules/ngx_nchan_module.so';

export const name = 'nginx nchan';

export function client({ symbols }) {
  const request = upgradeRequest(`/sub/${symbols.map(symbolName).join()}`);
  // An empty pong: it says nothing, and the load client sends something first.
  const pong = clientFrame(Buffer.alloc(0), true);
  pong[0] = 0x8a;
  return Buffer.concat([request, pong]);
}

/** One worker, in the foreground, all its files in the bench's folder. */
function configuration(port) {
  return `load_module ${MODULE};
daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile 20000;
error_log stderr notice;
pid ${join(TEMPORARY, 'nginx.pid')};
events { worker_connections 10000; }
http {
  access_log off;
  client_body_temp_path ${join(TEMPORARY, 'nginx-body')};
  proxy_temp_path ${join(TEMPORARY, 'nginx-proxy')};
  fastcgi_temp_path ${join(TEMPORARY, 'nginx-fastcgi')};
  uwsgi_temp_path ${join(TEMPORARY, 'nginx-uwsgi')};
  scgi_temp_path ${join(TEMPORARY, 'nginx-scgi')};
  nchan_shared_memory_size 512M;
  server {
    listen 127.0.0.1:${port};
    location ~ ^/sub/(.+)$ {
      nchan_subscriber websocket;
      nchan_channel_id $1;
      nchan_channel_id_split_delimiter ",";
      nchan_subscriber_first_message newest;
    }
    location ~ ^/pub/(.+)$ {
      nchan_publisher websocket;
      nchan_channel_id $1;
      nchan_message_buffer_length 2;
    }
  }
}
`;
}

export async function open({ serverCore, otherCore }) {
  if (!existsSync(MODULE)) {
    console.log('nchan is left out: its module is not here (Debian packages nginx, libnginx-mod-nchan)');
    return null;
  }
  const port = await freePort();
  const file = join(TEMPORARY, 'nginx.conf');
  writeFileSync(file, configuration(port));
  const args = ['-p', TEMPORARY, '-c', file];
  const server = await start(serverCore, '/usr/sbin/nginx', args, {
    ready: /start worker process|single process|OS: /,
  });
  let publisher;
  return {
    ports: [port],
    servers: [server],
    beside: {},
    async go() {
      publisher = await startBeside(otherCore, process.execPath, [PUBLISHER, String(port)], {
        ready: /ready/,
      });
    },
    async close() {
      if (publisher !== undefined) await end(publisher);
      await end(server);
    },
  };
}
