/** What operators may do, over REST. */
import { Module } from '@nestjs/common';
import { CONFIG, type Config } from '../config.js';
import { SYMBOL_REGISTRY, type SymbolRegistry } from '../symbols/symbol-registry.js';
import { SYMBOL_STORE, type SymbolStore } from '../symbols/symbol-store.js';
import { AuditController } from './audit.controller.js';
import { SymbolOperations } from './symbol-operations.js';
import { SymbolsController } from './symbols.controller.js';

@Module({
  controllers: [SymbolsController, AuditController],
  providers: [
    {
      provide: SymbolOperations,
      inject: [SYMBOL_STORE, SYMBOL_REGISTRY, CONFIG],
      useFactory: (store: SymbolStore, registry: SymbolRegistry, config: Config) =>
        new SymbolOperations(store, registry, config),
    },
  ],
})
export class AdminModule {}
