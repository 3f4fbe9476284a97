/**
 * Writes the README's table of settings from src/config.ts, so that it is never written by hand.
 *   node scripts/docs-config.mjs           writes it
 *   node scripts/docs-config.mjs --check   fails when it is not what the code says
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const README = join(ROOT, 'README.md');
const MARKED = /(<!-- settings:begin[^\n]*-->\n)[\s\S]*?(<!-- settings:end -->)/;

execFileSync(process.execPath, [join(ROOT, 'scripts', 'build.mjs'), '--if-needed'], { stdio: 'inherit' });
const { SETTINGS, showValue } = await import(join(ROOT, 'dist', 'src', 'config.js'));

/** Defaults that are made anew by every process. */
const MADE = { TICKCAST_NODE: 'made from host name and process id' };

function shownDefault(setting) {
  if (MADE[setting.variable] !== undefined) return MADE[setting.variable];
  const [embedded, withRedis] = [setting.initial(true), setting.initial(false)].map(shown);
  return embedded === withRedis ? embedded : `${embedded} embedded, ${withRedis} with Redis`;
}

function shown(value) {
  return value === null ? 'unset' : `\`${showValue(value)}\``;
}

const cell = (text) => text.replaceAll('|', '\\|');
const rows = Object.values(SETTINGS).map((setting) => {
  const unit = setting.unit === '' ? '' : ` ${setting.unit}`;
  return `| \`${setting.variable}\` | ${shownDefault(setting)}${unit} | ${cell(setting.allowed)} | ${cell(setting.why)} |`;
});
const table = ['| variable | default | allowed | why |', '| --- | --- | --- | --- |', ...rows].join('\n');

const before = readFileSync(README, 'utf8');
if (!MARKED.test(before))
  throw new Error('Expected the markers settings:begin and settings:end in README.md');
const after = before.replace(MARKED, (_all, begin, end) => `${begin}\n${table}\n\n${end}`);
if (!process.argv.includes('--check')) writeFileSync(README, after);
else if (before !== after) {
  process.stderr.write(
    'The table of settings in README.md is not what src/config.ts says: npm run docs:config\n',
  );
  process.exitCode = 1;
}
