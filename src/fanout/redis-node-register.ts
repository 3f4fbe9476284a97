/** NodeRegister on Redis: a sorted set by the server's own time, and the control channel. */
import { type Names, parseControl } from './names.js';
import { NODE_MS_MAX, type NodeListener, type NodeRegister } from './node-register.js';
import type { RedisCommands } from './redis-commands.js';
import { BEAT } from './redis-lua.js';
import { array, text } from './redis-reply.js';
import { RedisScript } from './redis-script.js';
import type { RedisSubscription } from './redis-subscription.js';

const beat = new RedisScript(BEAT);

export class RedisNodeRegister implements NodeRegister {
  /**
   * @param redis connections for commands
   * @param subscribe makes a subscription of its own
   */
  constructor(
    private readonly redis: RedisCommands,
    private readonly subscribe: () => RedisSubscription,
    private readonly names: Names,
  ) {}

  async beat(node: string): Promise<readonly string[]> {
    return array(await beat.run(this.redis, [this.names.nodes], [node, NODE_MS_MAX])).map(text);
  }

  async leave(node: string): Promise<void> {
    const { nodes } = this.names;
    await this.redis.call(nodes, 'zrem', [nodes, node]);
  }

  watch(listener: NodeListener): () => void {
    const { control, nodes } = this.names;
    const subscription = this.subscribe();
    // What was said while it was down is found by looking: nobody waits for it.
    void subscription.follow(
      [control],
      {
        message: (_channel, bytes) => {
          const said = parseControl(bytes.toString());
          if (said?.kind === 'released') listener.released(said.number);
        },
        up: () => undefined,
        down: () => undefined,
      },
      { isLive: false },
    );
    const endWatch = this.redis.watch(listener, nodes);
    return () => {
      subscription.close();
      endWatch();
    };
  }
}
