/**
 * The invariants of the house as rules that can be broken only on purpose. Each comment is what whoever breaks it
 * reads: why the rule is there, and what to do instead. test/import-rules.spec.ts breaks every one of them.
 */
const TEST_FILES = '\\.(spec|fixture|bench)\\.ts$';
const ROOMS = '^src/(feed|fanout|gateway|symbols)/';
const error = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    error(
      'feed-and-gateway-apart',
      'Feed and gateway never import each other: what brings ticks must not know who listens, and the other way round. ' +
        'They meet in the fan-out. Move what both need to libs/ or to the interface of the fan-out.',
      { path: '^src/feed/' },
      { path: '^src/gateway/' },
    ),
    error(
      'gateway-and-feed-apart',
      'Gateway and feed never import each other: a gateway serves whatever is on the tape, whoever brought it. ' +
        'They meet in the fan-out. Move what both need to libs/ or to the interface of the fan-out.',
      { path: '^src/gateway/' },
      { path: '^src/feed/' },
    ),
    error(
      'only-interfaces-of-the-fan-out',
      'Feed and gateway know the fan-out by its interfaces alone (tick-log-writer, image-sink, store-unavailable): ' +
        'so Redis and memory can take each other’s place. Ask for the token, or extend the interface.',
      { path: '^src/(feed|gateway)/', pathNot: TEST_FILES },
      { path: '^src/fanout/', pathNot: '^src/fanout/(tick-log-writer|image-sink|store-unavailable)\\.ts$' },
    ),
    error(
      'only-the-interface-of-the-registry',
      'Feed and gateway know the registry by symbol-registry.ts alone. Ask for SYMBOL_REGISTRY, or extend the interface.',
      { path: '^src/(feed|gateway)/', pathNot: TEST_FILES },
      { path: '^src/symbols/', pathNot: '^src/symbols/symbol-registry\\.ts$' },
    ),
    error(
      'redis-in-redis-files',
      'Only redis-*.ts files import ioredis: everything else works on the interface that has a memory form too. ' +
        'Put the commands into the redis-*.ts beside it.',
      { path: '^(src|libs)/', pathNot: ['/redis-[^/]+\\.ts$', TEST_FILES] },
      { path: '(^|node_modules/)ioredis' },
    ),
    error(
      'redis-connections-in-one-place',
      'Connections to Redis are made in src/fanout/redis-connections.ts alone: with the defaults of ioredis they hang, ' +
        'reorder, run commands twice, or deliver stale prices. Take one from RedisConnections; types may be imported. ' +
        '(redis-encoded-command.ts makes a command, not a connection.)',
      {
        path: '^(src|libs)/',
        pathNot: ['^src/fanout/redis-(connections|encoded-command)\\.ts$', TEST_FILES],
      },
      { path: '(^|node_modules/)ioredis', dependencyTypesNot: ['type-only'] },
    ),
    error(
      'sockets-in-socket-files',
      'Only src/socket-adapter.ts and the socket files of feed and gateway (*socket*.ts, *.gateway.ts) import ws: lanes, ' +
        'sessions and gates work on bytes, and are tested without a network.',
      {
        path: '^(src|libs)/',
        pathNot: [
          '^src/socket-adapter\\.ts$',
          '^src/(feed|gateway)/([^/]*socket[^/]*|[^/]+\\.gateway)\\.ts$',
          TEST_FILES,
        ],
      },
      { path: '(^|node_modules/)ws(/|$)' },
    ),
    error(
      'libs-stand-alone',
      'What is in libs/ is used by browsers and other services: it imports neither src nor Nest. Move what it needs into libs/.',
      { path: '^libs/' },
      { path: ['^src/', '(^|node_modules/)@nestjs/'] },
    ),
    error(
      'libs-run-in-browsers',
      'What is in libs/ runs in browsers too: no modules of Node. Take what is needed as an argument.',
      { path: '^libs/', pathNot: TEST_FILES },
      { dependencyTypes: ['core'] },
    ),
    error(
      'hot-classes-are-plain',
      'Classes that a tick passes through know nothing of Nest: no decorators, no injection; tests and benchmarks make ' +
        'them with new. Wiring belongs into *.module.ts, HTTP into *.controller.ts, sockets into *.gateway.ts.',
      { path: ROOMS, pathNot: ['\\.(module|controller|gateway|dto)\\.ts$', TEST_FILES] },
      { path: '(^|node_modules/)@nestjs/', dependencyTypesNot: ['type-only'] },
    ),
    error(
      'no-circles',
      'Files that import each other in a circle cannot be understood or tested one by one, and may be undefined to each ' +
        'other at start. Move what both need into a third file.',
      {},
      { circular: true },
    ),
    error(
      'no-test-code',
      'The service imports nothing of its tests: specs, fixtures, benches and test/ are not built.',
      { path: '^(src|libs)/', pathNot: TEST_FILES },
      { path: ['^(test|bench)/', TEST_FILES] },
    ),
    error(
      'no-development-packages',
      'The service imports only what stands in dependencies: devDependencies are not installed where it runs.',
      { path: '^(src|libs)/', pathNot: TEST_FILES },
      { dependencyTypes: ['npm-dev'] },
    ),
    error(
      'found',
      'This import leads nowhere: a typing error, or a package that is not in package.json.',
      { path: '^(src|libs)/' },
      { couldNotResolve: true, pathNot: '^#' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    detectJSDocImports: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
