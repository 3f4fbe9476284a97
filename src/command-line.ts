/** What `tickcast` answers without starting: its flags, the effective settings, and faults of the configuration. */
import { type Config, ConfigError, describeConfig, readConfig } from './config.js';

/** sysexits.h EX_CONFIG: a supervisor should not try again with the same settings. */
export const EXIT_CONFIG = 78;
/** sysexits.h EX_USAGE. */
const EXIT_USAGE = 64;

const HELP = `Usage: tickcast [--print-config | --version | --help]

Distributes market data: ticks in, coalesced, through Redis, out to every subscribed screen.
Without Redis it runs embedded: everything in one process, nothing survives it.
Settings are environment variables (TICKCAST_*, REDIS_*); the README has the table.

  --print-config  prints the effective settings and where each came from, and ends
  --version       prints the version, and ends
  --help          prints this, and ends`;

export type CommandLine =
  | { readonly outcome: 'start'; readonly config: Config }
  /** Nothing is to be started: print and end. */
  | { readonly outcome: 'end'; readonly code: number; readonly out?: string; readonly err?: string };

/** @param flags the arguments after the program's name */
export function readCommandLine(flags: readonly string[], version: string): CommandLine {
  const known = ['--print-config', '--version', '--help'];
  const unknown = flags.find((flag) => !known.includes(flag));
  if (unknown !== undefined) {
    const err = `${unknown} is no flag of tickcast; allowed: ${known.join(', ')}.\n\n${HELP}`;
    return { outcome: 'end', code: EXIT_USAGE, err };
  }
  if (flags.includes('--help')) return { outcome: 'end', code: 0, out: HELP };
  if (flags.includes('--version')) return { outcome: 'end', code: 0, out: version };
  try {
    const config = readConfig();
    if (!flags.includes('--print-config')) return { outcome: 'start', config };
    return { outcome: 'end', code: 0, out: settingsTable(config) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { outcome: 'end', code: EXIT_CONFIG, err: configFaults(error) };
  }
}

export function configFaults(error: ConfigError): string {
  return `Tickcast does not start with these settings:\n${error.faults.map((fault) => `  - ${fault}`).join('\n')}`;
}

function settingsTable(config: Config): string {
  const lines = describeConfig(config);
  const name = Math.max(...lines.map((line) => line.variable.length));
  const value = Math.min(40, Math.max(...lines.map((line) => line.value.length)));
  return lines
    .map((line) => `${line.variable.padEnd(name)}  ${line.value.padEnd(value)}  ${line.source}`)
    .join('\n');
}
