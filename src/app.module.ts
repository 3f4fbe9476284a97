/** The whole system on one screen: which rooms a process has, by its roles. */
import { type DynamicModule, Module } from '@nestjs/common';
import { AdminModule } from './admin/admin.module.js';
import type { Config, Role } from './config.js';
import { CoreModule } from './core.module.js';
import { FanoutModule } from './fanout/fanout.module.js';
import { FeedModule } from './feed/feed.module.js';
import { GatewayModule } from './gateway/gateway.module.js';
import { OpsModule } from './ops/ops.module.js';
import { ProblemModule } from './problem.module.js';
import { SymbolsModule } from './symbols/symbols.module.js';

/** Beside the rooms that every process has: it knows all symbols, and takes its part in the fan-out by its roles. */
const ROOMS_BY_ROLE = {
  feed: [FeedModule],
  fanout: [],
  gateway: [GatewayModule],
  admin: [AdminModule],
} as const satisfies Record<Role, readonly unknown[]>;

@Module({})
export class AppModule {
  static forRoot(config: Config): DynamicModule {
    return {
      module: AppModule,
      imports: [
        CoreModule.forRoot(config),
        ProblemModule,
        OpsModule,
        FanoutModule,
        SymbolsModule,
        ...config.roles.flatMap((role) => [...ROOMS_BY_ROLE[role]]),
      ],
    };
  }
}
