/** Configuration → application → listen → graceful shutdown, and nothing else. */
import 'reflect-metadata';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApplication } from './application.js';
import { configFaults, EXIT_CONFIG, readCommandLine } from './command-line.js';
import { type Config, ConfigError } from './config.js';
import { LOG } from './ops/log.js';
import { madeUpKeys, readyLine, startFault } from './start-lines.js';
import { stopOnSignals } from './stop-on-signals.js';
import { VERSION } from './version.js';

const commandLine = readCommandLine(process.argv.slice(2), VERSION);
if (commandLine.outcome === 'end') {
  if (commandLine.out !== undefined) process.stdout.write(`${commandLine.out}\n`);
  if (commandLine.err !== undefined) process.stderr.write(`${commandLine.err}\n`);
  process.exitCode = commandLine.code;
} else {
  await start(commandLine.config);
}

async function start(config: Config): Promise<void> {
  let app: NestFastifyApplication | undefined;
  try {
    app = await createApplication(config);
    stopOnSignals(app, config);
    await app.listen(config.port, config.host);
    process.stdout.write(`${madeUpKeys(config)}${readyLine(config, await app.getUrl(), VERSION)}\n`);
  } catch (error) {
    app?.get(LOG).debug({ err: error }, 'the start failed');
    process.stderr.write(
      `${error instanceof ConfigError ? configFaults(error) : startFault(error, config)}\n`,
    );
    process.exit(error instanceof ConfigError ? EXIT_CONFIG : 1);
  }
}
