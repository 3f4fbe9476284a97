/** The first screen in a real browser, on a real service. */
import { type Browser, chromium, type Page } from 'playwright-core';
import { startTickcast, type Tickcast } from './support/tickcast.js';
import { requireProgram } from './support/tool.js';

const ADMIN_KEY = 'operator-of-the-screen-test';
const FEED_KEY = 'feed-of-the-screen-test';

let tickcast: Tickcast;
let browser: Browser;
let page: Page;
/** What the page complained of, and whatever it asked of any other host. */
let complaints: string[];

beforeAll(async () => {
  tickcast = await startTickcast({
    env: { TICKCAST_ADMIN_KEY: ADMIN_KEY, TICKCAST_FEED_KEY: FEED_KEY },
  });
  const executablePath = await requireProgram('chromium', 'chromium');
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
}, 300_000);

afterAll(async () => {
  await browser?.close();
  await tickcast?.stop();
});

beforeEach(async () => {
  complaints = [];
  page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(tickcast.url)) complaints.push(`asked for ${request.url()}`);
  });
});

afterEach(async () => {
  await page.close();
  expect(complaints).toEqual([]);
});

const open = (query = '') => page.goto(`${tickcast.url}/${query}`);
const row = (symbol: string) => page.locator(`tr[data-symbol="${symbol}"]`);
const textOf = (symbol: string, column: string) => row(symbol).locator(`.${column}`).first().textContent();

async function post(path: string, body: unknown): Promise<void> {
  const response = await fetch(`${tickcast.url}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${path === '/v1/ticks' ? FEED_KEY : ADMIN_KEY}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

/** Resolves when a cell shows a number. */
const untilKnown = (symbol: string, column: string) =>
  row(symbol).locator(`.${column}`).filter({ hasText: /\d/ }).waitFor();

/** Resolves when a cell shows something else than it did. */
async function untilChanged(symbol: string, column: string): Promise<void> {
  const before = (await textOf(symbol, column)) ?? '';
  await row(symbol).locator(`.${column}`).filter({ hasNotText: before }).waitFor();
}

const flashing = () => page.locator('span[class^="up-"], span[class^="down-"]').first();

it.each(['msgpack', 'json'])('shows moving prices over %s', async (codec) => {
  await open(`?codec=${codec}`);
  await page.getByRole('status').getByText('Live').waitFor();
  await page.locator('dd', { hasText: new RegExp(`^${codec}$`) }).waitFor();
  expect(await row('AAPL').count()).toBe(1);
  await untilKnown('AAPL', 'bid');
  await untilChanged('AAPL', 'bid');
  await flashing().waitFor();
  expect(
    await page
      .getByRole('table', { name: /Live prices/ })
      .getByRole('row')
      .count(),
  ).toBeGreaterThan(24);
});

it('shows the values that a feed sent, at the decimals that they need', async () => {
  const reference = { name: 'Screen test', group: 'test', priceScale: 4, sizeScale: 0, volumeScale: 0 };
  await post('/v1/admin/symbols', { symbol: 'SCREEN', ...reference, reason: 'a test' });
  await open('?symbols=SCREEN');
  await page.getByRole('status').getByText('Live').waitFor();
  const quote = { type: 'quote', symbol: 'SCREEN', bidSize: 1200, askSize: 300 };
  await post('/v1/ticks', [
    { ...quote, bidPrice: 1001.5, askPrice: '1001.75' },
    { type: 'trade', symbol: 'SCREEN', price: 1000, size: 100 },
    { type: 'trade', symbol: 'SCREEN', price: 1010, size: 50 },
  ]);
  await row('SCREEN').locator('.bid', { hasText: '1,001.50' }).waitFor();
  const columns = ['last', 'change', 'bid-size', 'bid', 'ask', 'ask-size', 'high', 'low', 'volume', 'trades'];
  expect(await Promise.all(columns.map((column) => textOf('SCREEN', column)))).toEqual([
    '1,010.00',
    '+1.00%',
    '1,200',
    '1,001.50',
    '1,001.75',
    '300',
    '1,010.00',
    '1,000.00',
    '150',
    '2',
  ]);
  await post('/v1/ticks', [{ ...quote, bidPrice: '1001.4999', askPrice: null }]);
  await row('SCREEN').locator('.bid', { hasText: '1,001.4999' }).waitFor();
  expect(await textOf('SCREEN', 'ask')).toBe('–');
  expect(await row('SCREEN').locator('.bid span').getAttribute('class')).toMatch(/^down-/);
});

it('marks a disabled symbol, and shows it again when it is enabled', async () => {
  await open('?symbols=AAPL,MSFT');
  await untilKnown('MSFT', 'bid');
  await post('/v1/admin/symbols/MSFT/disable', { reason: 'bad prints' });
  await row('MSFT').locator('.badge', { hasText: 'disabled' }).waitFor();
  expect(await row('MSFT').getAttribute('class')).toBe('disabled');
  expect(await row('MSFT').locator('.badge').getAttribute('title')).toBe('bad prints');
  expect(await row('AAPL').locator('.badge').textContent()).toBe('');
  await post('/v1/admin/symbols/MSFT/enable', { reason: 'mended' });
  await row('MSFT').locator('.badge').filter({ hasText: /^$/ }).waitFor({ state: 'attached' });
  await untilChanged('MSFT', 'bid');
});

it('takes symbols by typing and by keyboard, says which are unknown, and keeps them in the address', async () => {
  await open('?symbols=AAPL');
  await page.getByLabel('Add symbol').fill('nvda, nope1 <b>');
  await page.keyboard.press('Enter');
  await row('NOPE1').locator('.refusal', { hasText: 'No instrument' }).waitFor();
  await untilKnown('NVDA', 'bid');
  expect(await page.locator('output').textContent()).toBe('No symbol: <B>');
  expect(new URL(page.url()).search).toBe('?symbols=AAPL,NVDA,NOPE1');
  await row('NOPE1').getByRole('button', { name: 'Remove NOPE1' }).focus();
  await page.keyboard.press('Enter');
  await row('NOPE1').waitFor({ state: 'detached' });
  expect(new URL(page.url()).search).toBe('?symbols=AAPL,NVDA');
});

it('fits a phone without scrolling sideways, and moves nothing when motion is not wanted', async () => {
  await page.setViewportSize({ width: 390, height: 780 });
  await page.emulateMedia({ reducedMotion: 'reduce', colorScheme: 'light' });
  await open();
  await flashing().waitFor();
  const inner = await page.evaluate<number>('innerWidth');
  const wide = await page.evaluate<number>('document.querySelector(".scroll").scrollWidth');
  const animation = await page.evaluate<string>(
    `getComputedStyle(document.querySelector('span[class^="up-"], span[class^="down-"]')).animationName`,
  );
  expect(wide).toBeLessThanOrEqual(inner);
  expect(animation).toBe('none');
});
