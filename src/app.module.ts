/** The whole system on one screen: which rooms a process has, by its roles. */
import { type DynamicModule, Module } from '@nestjs/common';
import type { Config } from './config.js';
import { CoreModule } from './core.module.js';
import { OpsModule } from './ops/ops.module.js';

@Module({})
export class AppModule {
  static forRoot(config: Config): DynamicModule {
    return {
      module: AppModule,
      imports: [CoreModule.forRoot(config), OpsModule],
    };
  }
}
