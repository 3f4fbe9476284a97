/** Nest 12 is ESM only, and jest can require ESM only from Node 24.9 on: in tests everything is compiled to CommonJS. */
const swc = (parser, transform) => [
  '@swc/jest',
  { jsc: { parser, transform, target: 'es2022' }, module: { type: 'commonjs' } },
];

const project = {
  rootDir: __dirname,
  testEnvironment: 'node',
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': ['$1.js', '$1'],
    '^#market-data$': '<rootDir>/libs/market-data/src/index.ts',
    '^#wire$': '<rootDir>/libs/wire/src/index.ts',
    '^#client$': '<rootDir>/libs/client/src/index.ts',
  },
  transformIgnorePatterns: ['/node_modules/(?!(@nestjs|jose|content-disposition|cookie)/)'],
  transform: {
    '^.+\\.ts$': swc(
      { syntax: 'typescript', decorators: true },
      { legacyDecorator: true, decoratorMetadata: true },
    ),
    'node_modules/.+\\.js$': swc({ syntax: 'ecmascript' }),
  },
};

module.exports = {
  projects: [
    {
      ...project,
      displayName: 'tests',
      testMatch: ['<rootDir>/{src,libs,test,bench}/**/*.spec.ts'],
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/faults/'],
    },
    // Apart from all others, one spec after the other: they hurt processes, and measure how those recover.
    {
      ...project,
      displayName: 'faults',
      runner: '<rootDir>/test/faults/support/serial-runner.cjs',
      testMatch: ['<rootDir>/test/faults/**/*.spec.ts'],
    },
  ],
  // Most of the time a test waits for a real process: both cores can be had.
  maxWorkers: 2,
  // Here: in a project it is not read.
  testTimeout: 30_000,
  reporters: ['default', '<rootDir>/test/faults/support/table-reporter.cjs'],
};
