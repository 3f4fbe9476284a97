/** NodeRegister on Redis: a sorted set by the server's own time, and the control channel. */
import type { Redis } from 'ioredis';
import { type Names, parseControl } from './names.js';
import { NODE_MS_MAX, type NodeListener, type NodeRegister } from './node-register.js';
import { unavailable, watchConnection } from './redis-connections.js';
import { BEAT } from './redis-lua.js';
import { array, text } from './redis-reply.js';
import { RedisScript } from './redis-script.js';

const beat = new RedisScript(BEAT);

export class RedisNodeRegister implements NodeRegister {
  /**
   * @param redis a command connection
   * @param subscriber a subscriber connection
   */
  constructor(
    private readonly redis: Redis,
    private readonly subscriber: Redis,
    private readonly names: Names,
  ) {}

  async beat(node: string): Promise<readonly string[]> {
    return array(await beat.run(this.redis, [this.names.nodes], [node, NODE_MS_MAX])).map(text);
  }

  async leave(node: string): Promise<void> {
    try {
      await this.redis.zrem(this.names.nodes, node);
    } catch (error) {
      throw unavailable(error);
    }
  }

  watch(listener: NodeListener): () => void {
    const { subscriber } = this;
    const message = (channel: string, text: string) => {
      const said = channel === this.names.control ? parseControl(text) : undefined;
      if (said?.kind === 'released') listener.released(said.number);
    };
    const subscribe = () => {
      subscriber
        .subscribe(this.names.control)
        .catch((error: Error) => subscriber.emit('error', unavailable(error)));
    };
    subscriber.on('message', message);
    subscriber.on('ready', subscribe);
    if (subscriber.status === 'ready') subscribe();
    const endWatch = watchConnection(this.redis, listener);
    return () => {
      subscriber.off('message', message);
      subscriber.off('ready', subscribe);
      endWatch();
    };
  }
}
